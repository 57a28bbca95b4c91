// The order of training: which examples stand together in which batch, epoch by epoch. Only indices and shapes, so a plan for millions of
// rows is cheap, and the same lengths, options and seed give the same plan everywhere.

import { randperm, seedFor, usageError } from "@attune/models";
import { type BucketOptions, chooseBuckets, fits, type Lengths, paddedCost } from "./buckets.js";
import { updatesPerEpoch } from "./schedule.js";

export interface BatchOptions extends BucketOptions {
  /** Rows of a batch. */
  batchSize: number;
  /** Batches of an update. Default 1. */
  accumulate?: number;
  seed: number;
  /**
   * "buckets": shuffled, rows of about the same length together (default). "random": exactly the order of transformers' Trainer, each
   * batch in the smallest bucket that holds it. "sequential": as in the file.
   */
  order?: "buckets" | "random" | "sequential";
}

/** A batch to collate: indices of its examples, at most batchSize, and the bucket to pad to. */
export interface PlannedBatch extends Lengths {
  examples: number[];
}

/** How far the data has been used: whole updates. The next update to run is `update` of `epoch`, both from 0. */
export interface DataPosition {
  epoch: number;
  update: number;
}

export interface PlannedUpdate {
  epoch: number;
  batches: PlannedBatch[];
  /** Where to go on after this update: what a checkpoint stores. */
  next: DataPosition;
}

export interface BatchPlan {
  /** Every shape that a batch may have. */
  buckets: Lengths[];
  batchSize: number;
  updatesPerEpoch: number;
  /** The batches of an epoch, in order. */
  epoch(epoch: number): PlannedBatch[];
  /** Updates from a position on, without end. */
  updates(from?: DataPosition): Generator<PlannedUpdate>;
  /** Share of the positions computed in the first epoch that are padding, weighed as paddedCost. */
  paddingShare(): number;
}

/**
 * Plans batches for examples of these lengths. The shuffle of epoch e is torch's randperm of seed + e, as accelerate's seeded sampler does it.
 * Throws (usage) for sizes that make no sense.
 */
export function planBatches(lengths: readonly Lengths[], options: BatchOptions): BatchPlan {
  const { batchSize, accumulate = 1, seed, order = "buckets" } = options;
  for (const [name, value] of [
    ["batch size", batchSize],
    ["accumulation", accumulate],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < 1) throw usageError(`${name} is ${value}; expected a whole number above 0`);
  }
  if (lengths.length === 0) throw usageError("there are no examples to train on");
  const buckets = chooseBuckets(lengths, options);
  const bucketOf = (examples: readonly number[]) => buckets.find((bucket) => examples.every((i) => fits(lengths[i]!, bucket)))!;
  const toBatch = (examples: number[]): PlannedBatch => ({ examples, ...bucketOf(examples) });

  function epochBatches(epoch: number): PlannedBatch[] {
    const indices = order === "sequential" ? lengths.map((_, i) => i) : [...randperm(lengths.length, seed + epoch)];
    if (order !== "buckets") return cut(indices, batchSize).map(toBatch);
    // rows wait, in shuffled order, until their bucket has a full batch
    const waiting = buckets.map((): number[] => []);
    const batches: PlannedBatch[] = [];
    for (const index of indices) {
      const bucket = buckets.findIndex((candidate) => fits(lengths[index]!, candidate));
      const queue = waiting[bucket]!;
      queue.push(index);
      if (queue.length === batchSize) batches.push({ examples: queue.splice(0), ...buckets[bucket]! });
    }
    // what is left is joined, longest first, so that one long row does not stretch many short ones
    batches.push(...cut(waiting.reverse().flat(), batchSize).map(toBatch));
    // rare buckets fill late: without a second shuffle they would all come at the end of the epoch
    return [...randperm(batches.length, seedFor(seed, `batches of epoch ${epoch}`))].map((i) => batches[i]!);
  }

  const firstEpoch = epochBatches(0);
  const perEpoch = updatesPerEpoch(firstEpoch.length, accumulate); // the same in every epoch: queues fill alike in any order
  return {
    buckets,
    batchSize,
    updatesPerEpoch: perEpoch,
    epoch: epochBatches,
    *updates({ epoch, update } = { epoch: 0, update: 0 }) {
      for (; ; epoch++, update = 0) {
        const groups = cut(epochBatches(epoch), accumulate);
        for (; update < groups.length; update++) {
          const isLast = update + 1 === groups.length;
          yield {
            epoch,
            batches: groups[update]!,
            next: isLast ? { epoch: epoch + 1, update: 0 } : { epoch, update: update + 1 },
          };
        }
      }
    },
    paddingShare() {
      const used = lengths.reduce((sum, item) => sum + paddedCost(item), 0);
      const computed = firstEpoch.reduce((sum, batch) => sum + batchSize * paddedCost(batch), 0);
      return 1 - used / computed;
    },
  };
}

function cut<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));
}
