// Every small mistake that the rules can make in a kernel's text, tried against that kernel's cases: what none of them notices is either
// explained here or a gap in the tests.
import { type Kernel, specialize } from "../kernel.js";
import { type KernelDevice, KernelTextError } from "./deviceRun.js";
import { EQUIVALENT } from "./equivalent.js";
import { runKernel } from "./harness.js";
import type { Dims, KernelCase } from "./kernelCase.js";
import { type MutationRule, mutate, mutationRules } from "./mutate.js";

export interface Mutant {
  /** The kernel's name without its variant's details, the rule, and which of its matches: the key of `EQUIVALENT`. */
  readonly key: string;
  readonly kernel: string;
  readonly rule: MutationRule;
  readonly occurrence: number;
  /** Cases that run the kernel, those with the most edges first. */
  readonly cases: readonly KernelCase[];
}

/** Matches of a rule that are tried in one text. */
const OCCURRENCES = 6;

/** Kernels by name: their texts at the cases' edges, and the cases; those that the device can run. */
export function kernelsOf(device: Pick<KernelDevice, "facts">, cases: readonly KernelCase[]) {
  const found = new Map<string, { texts: Set<string>; cases: Set<KernelCase> }>();
  for (const kernelCase of cases) {
    if (kernelCase.needs?.(device.facts)) continue;
    for (const { why: _, ...dims } of kernelCase.edges) {
      const call = kernelCase.plan(dims as Dims, device.facts);
      const entry = found.get(call.kernel.name) ?? { texts: new Set(), cases: new Set() };
      found.set(call.kernel.name, entry);
      entry.texts.add(specialize(call));
      entry.cases.add(kernelCase);
    }
  }
  return found;
}

export interface MutantOptions {
  /** Mutants that are known to compute the same, by key. */
  equivalent?: Readonly<Record<string, string>>;
  /** In every text, not only in the shortest that has the line. */
  everywhere?: boolean;
}

/**
 * Every mutant that is not known to compute the same, by kernel. A line that variants of one kernel share is changed in the shortest of
 * their texts alone: the mistake is the same, and long texts take a driver many seconds to compile.
 */
export function mutantsOf(
  device: Pick<KernelDevice, "facts">,
  cases: readonly KernelCase[],
  { equivalent = EQUIVALENT, everywhere = false }: MutantOptions = {},
): Map<string, Mutant[]> {
  const length = ({ texts }: { texts: ReadonlySet<string> }): number => Math.max(...[...texts].map((text) => text.length));
  const found = kernelsOf(device, cases);
  const tried = new Set<string>();
  const mutants = new Map([...found.keys()].map((kernel): [string, Mutant[]] => [kernel, []]));
  // where a lane is a whole group, mistakes about its neighbours are none
  const isAlone = (kernel: string): number => (/<\d+,1,/.test(kernel) ? 1 : 0);
  const inOrder = [...found].sort(([a, ofA], [b, ofB]) => isAlone(a) - isAlone(b) || length(ofA) - length(ofB));
  for (const [kernel, { texts, cases: users }] of inOrder) {
    const family = shortName(kernel).replace(/<.*/, "");
    for (const rule of mutationRules) {
      if (!isFor(kernel, rule)) continue;
      for (let occurrence = 0; occurrence < OCCURRENCES; occurrence++) {
        const key = `${shortName(kernel)}|${rule.name}|${occurrence}`;
        const changes = [...texts].flatMap((text) => changedLines(text, mutate(text, rule, occurrence)));
        const isNew = changes.some((change) => !tried.has(`${family}|${rule.name}|${change}`));
        for (const change of changes) tried.add(`${family}|${rule.name}|${change}`);
        if ((isNew || (everywhere && changes.length > 0)) && !equivalent[key])
          mutants.get(kernel)!.push({ key, kernel, rule, occurrence, cases: [...users] });
      }
    }
  }
  return mutants;
}

/** What a mistake makes of a text: the first line that differs, before and after; none where it changes nothing. */
function changedLines(text: string, mutant: string | null): string[] {
  if (mutant === null) return [];
  const [before, after] = [text.split("\n"), mutant.split("\n")];
  const at = before.findIndex((line, i) => line !== after[i]);
  return [`${before[at]} -> ${after[at]}`];
}

/**
 * Whether some case fails at one of its edges with the mistake in; null where the mistake makes no kernel: its text does not compile, which
 * says nothing about the cases.
 */
export async function isNoticed(device: KernelDevice, { kernel, rule, occurrence, cases }: Mutant): Promise<boolean | null> {
  const rewrite = (of: Kernel, code: string): string => (of.name === kernel ? (mutate(code, rule, occurrence) ?? code) : code);
  for (const kernelCase of cases) {
    for (const { why: _, ...dims } of kernelCase.edges) {
      const call = kernelCase.plan(dims as Dims, device.facts);
      if (call.kernel.name !== kernel || mutate(specialize(call), rule, occurrence) === null) continue;
      try {
        const { failures } = await runKernel({ ...device, rewrite }, kernelCase, { dims: dims as Dims, seed: 1 });
        if (failures.length > 0) return true;
      } catch (error) {
        if (error instanceof KernelTextError) return null;
        throw error;
      }
    }
  }
  return false;
}

/**
 * A chain's formulas are those of the single kernels, so that only its loads and stores are its own; an operand stored in halves differs in
 * how it is loaded, and only that is tried again.
 */
function isFor(kernel: string, rule: MutationRule): boolean {
  if (kernel.startsWith("elementwise/fused")) return rule.name.startsWith("chain") || rule.name.startsWith("second dimension");
  if (rule.name.startsWith("chain")) return false;
  return /bf16|f16/.test(kernel) ? rule.name.startsWith("half") : true;
}

/** "matmul/subgroup<nt,8,8,f32>" -> "matmul/subgroup<nt,8>"; "attention/forward<16,8,vec4,32>" -> "attention/forward" */
export function shortName(kernel: string): string {
  return kernel
    .replace(/<(n[nt]|tn),(\d+),.*>/, "<$1,$2>")
    .replace(/^(attention\/\w+|elementwise\/fused|matmul\/vector)<.*>/, "$1");
}
