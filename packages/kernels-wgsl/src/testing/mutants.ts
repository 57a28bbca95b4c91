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

/** Kernels by name: their texts at the cases' edges, and the cases. */
export function kernelsOf(device: Pick<KernelDevice, "facts">, cases: readonly KernelCase[]) {
  const found = new Map<string, { texts: Set<string>; cases: Set<KernelCase> }>();
  for (const kernelCase of cases) {
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

/** Every mutant that is not known to compute the same, by kernel. */
export function mutantsOf(
  device: Pick<KernelDevice, "facts">,
  cases: readonly KernelCase[],
  equivalent: Readonly<Record<string, string>> = EQUIVALENT,
): Map<string, Mutant[]> {
  return new Map(
    [...kernelsOf(device, cases)].map(([kernel, { texts, cases: users }]) => {
      const mutants = mutationRules.flatMap((rule) =>
        isFor(kernel, rule)
          ? Array.from({ length: OCCURRENCES }, (_, occurrence): Mutant | null => {
              const key = `${shortName(kernel)}|${rule.name}|${occurrence}`;
              const applies = [...texts].some((text) => mutate(text, rule, occurrence) !== null);
              return applies && !equivalent[key] ? { key, kernel, rule, occurrence, cases: [...users] } : null;
            }).filter((mutant) => mutant !== null)
          : [],
      );
      return [kernel, mutants];
    }),
  );
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
