// The harness of ops must be able to fail: a small mistake is made in every kernel that ops use, and an op that uses it must notice. One a
// kernel: every mutant of every kernel is tried against the kernel's own cases, which aim at its text, in tests/kernels/mutants.test.ts.
import { type Kernel, specialize } from "@attune/kernels-wgsl";
import { EQUIVALENT, type MutationRule, mutate, mutationRules } from "@attune/kernels-wgsl/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeDevice, openDevice } from "../node.js";
import { type Dims, type OpCase, opCases, runCase } from "../testing/index.js";

const IS_LONG = Boolean(process.env.ATTUNE_LONG);

/** What shows only in words beside an output or where the grid is folded: the kernels' harness looks there, that of ops does not. */
const OF_KERNELS_ALONE = ["tail guard dropped", "second dimension of the grid ignored", "bound off by one", "loop ends early"];
const rules = mutationRules.filter(({ name }) => !OF_KERNELS_ALONE.includes(name));

/** Mutants that compute the same, or that no op shows, each with the reason. Key: kernel (without its variant), rule, occurrence. */
const UNNOTICED: Readonly<Record<string, string>> = {
  ...EQUIVALENT,
  "reduce/finite|first column skipped|0": "the op's cases put nothing broken into the first column; the kernel's own do",
  "reduce/finite|lanes stride too far|0": "nor into one that is left out; the kernel's own do",
  "softmax/rows|lowest is zero|0":
    "scores are shifted by any bound above them; with 0 the sum only loses range, which small scores do not show",
  "crossEntropy/rows|lowest is zero|0": "as in softmax: the shift cancels",
  "softmax/rows|row reduction dropped|0": "a lane's own maximum is a valid shift too, until exp overflows",
  "crossEntropy/rows|row reduction dropped|0": "as in softmax",
  "attention/rows|lowest is zero|0": "as in softmax: hidden keys are left out by condition, and the shift cancels",
  "attention/rows|sum starts at 1|0": "the total before the first visible key is multiplied by exp(LOWEST - its score) = 0",
  "attention/decode|lowest is zero|0": "as in attention/rows",
  "attention/decode|sum starts at 1|0": "as in attention/rows",
  "embedding/gather|range test dropped|0":
    "a read out of range gives zero here (robust access); the test is for devices that clamp",
  "matmul/pack|edge of a panel filled|0": "rows and columns beyond the edge reach only outputs that are not stored",
  "matmul/subgroup<nt>|first element skipped|0": "(base + k) / 4 rounds down, so a k that starts at 1 reads the same vec4s",
};

interface Mutant {
  kernel: string;
  rule: MutationRule;
  occurrence: number;
  cases: readonly OpCase[];
}

describe("mutants of kernels", () => {
  let device: NodeDevice;
  const mutants: Mutant[] = [];
  const untouched: string[] = [];

  beforeAll(async () => {
    device = await openDevice();
    for (const [kernel, { texts, cases }] of await kernelsInUse(device)) {
      const found = rules.flatMap((rule) =>
        [0, 1, 2].flatMap((occurrence): Mutant[] => {
          const applies = texts.some((text) => mutate(text, rule, occurrence) !== null);
          // a matmul with a packed operand differs from its f32 sibling in how it loads that operand, and only that is tried again
          // a fused chain's formulas are those of the single kernels, and alpha is 1 in most: what is its own is loads and stores
          if (/fused/.test(kernel) !== rule.name.startsWith("chain")) return [];
          if (/bf16|f16/.test(kernel) && !rule.name.startsWith("half")) return [];
          return applies && !UNNOTICED[keyOf(kernel, rule, occurrence)] ? [{ kernel, rule, occurrence, cases }] : [];
        }),
      );
      if (found.length === 0) untouched.push(kernel);
      mutants.push(...found.slice(0, 1));
    }
  });
  afterAll(() => device.destroy());

  it("reaches every kernel that the ops use", () => {
    expect(untouched).toEqual([]);
    expect(mutants.length).toBeGreaterThan(30);
  });

  it("are all found out", async () => {
    const survivors: string[] = [];
    const tried = IS_LONG ? mutants : mutants.filter((_, i) => i % 2 === 0); // each takes a second to compile
    for (const { kernel, rule, occurrence, cases } of tried) {
      const rewrite = (of: Kernel, code: string): string =>
        of.name === kernel ? (mutate(code, rule, occurrence) ?? code) : code;
      const broken = await openDevice({ rewrite });
      let isKilled = false;
      for (const opCase of cases) {
        isKilled ||= await notices(broken, opCase);
        if (isKilled) break;
      }
      broken.destroy();
      if (!isKilled) survivors.push(`${keyOf(kernel, rule, occurrence)}  (tried ${cases.length} cases)`);
    }
    console.log(`mutants: ${tried.length} made, ${tried.length - survivors.length} found out`);
    expect(survivors).toEqual([]);
  }, 600_000);
});

/** Whether a case fails at any of its edges. */
async function notices(broken: NodeDevice, opCase: OpCase): Promise<boolean> {
  for (const { why: _, ...dims } of opCase.edges) {
    try {
      if ((await runCase(broken, opCase, { dims: dims as Dims, seed: 1, quick: true })).failures.length > 0) return true;
    } catch {
      return true; // a text that does not compile is noticed as well
    }
  }
  return false;
}

function keyOf(kernel: string, rule: MutationRule, occurrence: number): string {
  return `${kernel.replace(/<(\w+),.*>/, "<$1>")}|${rule.name}|${occurrence}`;
}

/** Every kernel that some case runs, its texts, and the cases that run it: those that run little else first. */
async function kernelsInUse(device: NodeDevice): Promise<Map<string, { texts: string[]; cases: OpCase[] }>> {
  const users = new Map<string, { texts: Set<string>; cases: { opCase: OpCase; texts: number }[] }>();
  for (const opCase of opCases) {
    const used = new Map<string, Kernel>();
    device.onCall = (call) => used.set(specialize(call), call.kernel);
    for (const { why: _, ...dims } of opCase.edges) await runCase(device, opCase, { dims: dims as Dims, seed: 1, quick: true });
    device.onCall = null;
    for (const [text, { name }] of used) {
      const entry = users.get(name) ?? { texts: new Set(), cases: [] };
      users.set(name, entry);
      entry.texts.add(text);
      if (!entry.cases.some((user) => user.opCase === opCase)) entry.cases.push({ opCase, texts: used.size });
    }
  }
  return new Map(
    [...users].map(([name, { texts, cases }]) => {
      cases.sort((a, b) => a.texts - b.texts);
      return [name, { texts: [...texts], cases: cases.map(({ opCase }) => opCase) }];
    }),
  );
}
