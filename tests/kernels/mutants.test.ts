// The kernels' tests must be able to fail: small mistakes are made in every kernel's text, and a case of the kernel must notice each.
// `npm test` samples them, the long mode makes all.
import { softwareFacts } from "@attune/kernels-wgsl";
import { EQUIVALENT, isNoticed, kernelCases, type Mutant, mutantsOf, mutationRules } from "@attune/kernels-wgsl/testing";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const IS_LONG = Boolean(process.env.ATTUNE_LONG);
/** Texts that take seconds to compile, each mutant anew: the long mode's. */
const SLOW = /^attention\/(queries|keys|forward)|^matmul\/(subgroup<\w+,32|workgroup)|bf16|f16/;

/** One mutant of each kernel that compiles fast, each kernel's by another rule. */
function sampled(all: ReadonlyMap<string, readonly Mutant[]>): Map<string, readonly Mutant[]> {
  const kernels = [...all].filter(([kernel, mutants]) => !SLOW.test(kernel) && mutants.length > 0);
  return new Map(kernels.map(([kernel, mutants], i) => [kernel, [mutants[(7 * i) % mutants.length]!]]));
}

describe("mutants of kernels", () => {
  let owner: NodeDevice;
  const all = mutantsOf({ facts: softwareFacts }, kernelCases);
  const tried = IS_LONG ? all : sampled(all);
  beforeAll(async () => {
    owner = await openDevice();
  });
  afterAll(() => owner.destroy());

  it("rules reach every kernel, most of them by many", () => {
    const byFamily = new Map<string, number>();
    for (const [kernel, mutants] of all) {
      const family = kernel.replace(/<.*/, "");
      byFamily.set(family, (byFamily.get(family) ?? 0) + mutants.length);
    }
    expect([...byFamily].filter(([, count]) => count === 0)).toEqual([]);
    expect(mutationRules.length).toBeGreaterThan(50);
    expect([...all.values()].flat().length).toBeGreaterThan(600);
  });

  it("what is said to compute the same is still made by a rule", () => {
    const made = new Set(mutantsOf({ facts: softwareFacts }, kernelCases, { equivalent: {}, everywhere: true }).values());
    const keys = new Set([...made].flat().map(({ key }) => key));
    expect(Object.keys(EQUIVALENT).filter((key) => !keys.has(key))).toEqual([]);
  });

  it.each([...tried.keys()])("of %s are noticed", { timeout: 3_600_000 }, async (kernel) => {
    const device = { gpu: owner.backend.gpu, facts: owner.facts };
    const survivors: string[] = [];
    const compiled: string[] = [];
    for (const mutant of tried.get(kernel)!) {
      const answer = await isNoticed(device, mutant);
      if (answer !== null) compiled.push(mutant.key);
      if (answer === false) survivors.push(mutant.key);
    }
    expect(survivors).toEqual([]);
    if (IS_LONG && tried.get(kernel)!.length > 0) expect(compiled).not.toEqual([]); // a sample of one may be no kernel
  });
});
