import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BatchOptions, planBatches } from "./batches.js";
import { chooseBuckets, fits, type Lengths } from "./buckets.js";

const lengths = fc.array(fc.record({ source: fc.integer({ min: 1, max: 300 }), target: fc.integer({ min: 1, max: 60 }) }), {
  minLength: 1,
  maxLength: 80,
});
const options = fc.record({
  batchSize: fc.integer({ min: 1, max: 9 }),
  accumulate: fc.integer({ min: 1, max: 4 }),
  seed: fc.nat(1000),
  order: fc.constantFrom("buckets", "random", "sequential"),
  maxBuckets: fc.integer({ min: 1, max: 12 }),
}) as fc.Arbitrary<BatchOptions>;

describe("chooseBuckets", () => {
  it("covers every example with few shapes, the last of which holds all", () => {
    fc.assert(
      fc.property(lengths, fc.integer({ min: 1, max: 12 }), (list, maxBuckets) => {
        const buckets = chooseBuckets(list, { maxBuckets });
        expect(buckets.length).toBeLessThanOrEqual(maxBuckets);
        expect(list.every((item) => fits(item, buckets.at(-1)!))).toBe(true);
        expect(new Set(buckets.map((b) => `${b.source}x${b.target}`)).size).toBe(buckets.length);
        for (const { source, target } of buckets) expect([source % 8, target % 8]).toEqual([0, 0]);
      }),
    );
  });

  it("depends on the lengths, not on their order", () => {
    fc.assert(
      fc.property(lengths, (list) => {
        expect(chooseBuckets([...list].reverse(), { maxBuckets: 4 })).toEqual(chooseBuckets(list, { maxBuckets: 4 }));
      }),
    );
  });
});

describe("planBatches", () => {
  it("uses every example once an epoch, in a bucket that holds it; positions resume exactly", () => {
    fc.assert(
      fc.property(lengths, options, fc.nat(2), (list, settings, epoch) => {
        const plan = planBatches(list, settings);
        const batches = plan.epoch(epoch);
        expect(batches.flatMap((b) => b.examples).sort((a, b) => a - b)).toEqual(list.map((_, i) => i));
        for (const batch of batches) {
          expect(batch.examples.length).toBeLessThanOrEqual(settings.batchSize);
          expect(batch.examples.every((i) => fits(list[i]!, batch))).toBe(true);
          expect(plan.buckets).toContainEqual({ source: batch.source, target: batch.target });
        }
        expect(Math.ceil(batches.length / settings.accumulate!)).toBe(plan.updatesPerEpoch);
        // two epochs in one go equal those with a new plan after each update
        const all = plan.updates();
        let position = { epoch: 0, update: 0 };
        for (let i = 0; i < 2 * plan.updatesPerEpoch; i++) {
          const expected = all.next().value!;
          const resumed = planBatches(list, settings).updates(position).next().value!;
          expect(resumed).toEqual(expected);
          position = resumed.next;
        }
        expect(position).toEqual({ epoch: 2, update: 0 });
      }),
      { numRuns: 40 },
    );
  });

  it('"random" is the order of transformers\' Trainer', () => {
    const list: Lengths[] = Array.from({ length: 10 }, () => ({ source: 5, target: 5 }));
    const plan = planBatches(list, { batchSize: 4, seed: 42, order: "random" });
    expect(plan.epoch(0).map((b) => b.examples)).toEqual([
      [2, 6, 1, 8],
      [4, 5, 0, 9],
      [3, 7],
    ]);
    expect(plan.epoch(1).flatMap((b) => b.examples)).toEqual([8, 4, 9, 0, 5, 1, 6, 7, 2, 3]);
  });

  it("pads much less than random batches do", () => {
    const list = Array.from({ length: 800 }, (_, i) => ({ source: 20 + ((i * 7919) % 400), target: 10 + ((i * 104729) % 50) }));
    const share = (order: BatchOptions["order"]) => planBatches(list, { batchSize: 8, seed: 1, order }).paddingShare();
    expect(share("buckets")).toBeLessThan(0.25);
    expect(share("random")).toBeGreaterThan(share("buckets") + 0.1);
  });

  it("shuffles anew each epoch and seed", () => {
    const list = Array.from({ length: 100 }, (_, i) => ({ source: 1 + (i % 50), target: 5 }));
    const orders = [0, 1].flatMap((seed) =>
      [0, 1].map((epoch) => JSON.stringify(planBatches(list, { batchSize: 4, seed: seed * 10, order: "buckets" }).epoch(epoch))),
    );
    expect(new Set(orders).size).toBe(4);
  });

  it("refuses sizes that make no sense", () => {
    expect(() => planBatches([{ source: 1, target: 1 }], { batchSize: 0, seed: 0 })).toThrow(/batch size is 0/);
    expect(() => planBatches([{ source: 1, target: 1 }], { batchSize: 1, accumulate: 1.5, seed: 0 })).toThrow(
      /accumulation is 1.5/,
    );
    expect(() => planBatches([], { batchSize: 1, seed: 0 })).toThrow(/no examples/);
  });
});
