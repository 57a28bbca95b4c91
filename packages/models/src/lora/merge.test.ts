import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type MergeModule, mergeModule, unmergeModule } from "./merge.js";

const sized = fc.record({
  inputs: fc.integer({ min: 1, max: 9 }),
  outputs: fc.integer({ min: 1, max: 9 }),
  rank: fc.integer({ min: 1, max: 4 }),
  isDora: fc.boolean(),
  seed: fc.integer(),
});

/** Values in [-1, 1), no two alike. */
function valuesOf(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => 2 * (((Math.imul(i + 1, 2654435761) ^ seed) >>> 0) / 2 ** 32) - 1);
}

function make({
  inputs,
  outputs,
  rank,
  isDora,
  seed,
}: {
  inputs: number;
  outputs: number;
  rank: number;
  isDora: boolean;
  seed: number;
}) {
  const module: MergeModule = {
    path: "q",
    rank,
    scale: 1.5,
    a: valuesOf(rank * inputs, seed + 1),
    b: valuesOf(outputs * rank, seed + 2),
    ...(isDora ? { magnitude: valuesOf(outputs, seed + 3).map((x) => 2 + x) } : {}),
  };
  return { weight: valuesOf(outputs * inputs, seed), module };
}

describe("mergeModule", () => {
  it("gives, for any x, what the layer beside the weight gives", () => {
    fc.assert(
      fc.property(sized, (size) => {
        const { weight, module } = make(size);
        const { inputs, outputs, rank, seed } = size;
        const x = valuesOf(inputs, seed + 4);
        const { weight: merged, norms } = mergeModule(weight, module);
        for (let o = 0; o < outputs; o++) {
          let base = 0;
          let delta = 0;
          for (let i = 0; i < inputs; i++) base += weight[o * inputs + i]! * x[i]!;
          for (let r = 0; r < rank; r++) {
            let low = 0;
            for (let i = 0; i < inputs; i++) low += module.a[r * inputs + i]! * x[i]!;
            delta += module.b[o * rank + r]! * low;
          }
          const factor = module.magnitude ? module.magnitude[o]! / norms![o]! : 1;
          let y = 0;
          for (let i = 0; i < inputs; i++) y += merged[o * inputs + i]! * x[i]!;
          const expected = factor * (base + module.scale * delta);
          expect(Math.abs(y - expected)).toBeLessThan(1e-6 * Math.max(1, Math.abs(factor)) * inputs * 4);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("is undone by unmergeModule, DoRA with the norms of its merge", () => {
    fc.assert(
      fc.property(sized, (size) => {
        const { weight, module } = make(size);
        const back = unmergeModule(mergeModule(weight, module), module);
        back.forEach((value, i) => void expect(Math.abs(value - weight[i]!)).toBeLessThan(2e-6));
      }),
      { numRuns: 60 },
    );
    const { weight, module } = make({ inputs: 3, outputs: 2, rank: 1, isDora: true, seed: 7 });
    expect(() => unmergeModule({ weight, norms: null }, module)).toThrow(/norms/);
  });

  it("refuses a module of other sizes", () => {
    const { weight, module } = make({ inputs: 3, outputs: 2, rank: 1, isDora: false, seed: 7 });
    expect(() => mergeModule(weight.slice(1), module)).toThrow(/q has 5 weights; A and B of rank 1 are for 2 x 3/);
    expect(() => mergeModule(weight, { ...module, magnitude: new Float32Array(3) })).toThrow(/magnitudes/);
  });
});
