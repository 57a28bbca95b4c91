// Which shapes batches may have. Each shape is a captured program, so there should be few; padding costs time, so they should fit.

import { bucketLength, lengthLadder } from "@attune/models";

/** Lengths in ids: of an example, or those a bucket pads to. */
export interface Lengths {
  source: number;
  target: number;
}

export interface BucketOptions {
  /** At most this many shapes. Default 12. */
  maxBuckets?: number;
}

/**
 * Positions a padded row costs. A decoder position does about twice the work of an encoder one: cross attention besides, and the
 * vocabulary.
 */
export function paddedCost({ source, target }: Lengths): number {
  return source + 2 * target;
}

export function fits(lengths: Lengths, bucket: Lengths): boolean {
  return lengths.source <= bucket.source && lengths.target <= bucket.target;
}

/**
 * Shapes for these examples, cheapest first; the last holds every example. Each example is rounded up a ladder (steps of at most a
 * quarter), then the two shapes whose union adds the least padding are merged until few enough are left. Depends on nothing but the
 * lengths.
 */
export function chooseBuckets(lengths: readonly Lengths[], { maxBuckets = 12 }: BucketOptions = {}): Lengths[] {
  if (lengths.length === 0 || maxBuckets < 1) throw new RangeError("chooseBuckets: needs an example and at least one bucket");
  const sources = lengthLadder(maximum(lengths, "source"));
  const targets = lengthLadder(maximum(lengths, "target"));
  const counts = new Map<string, Lengths & { count: number }>();
  for (const { source, target } of lengths) {
    const shape = { source: bucketLength(source, sources), target: bucketLength(target, targets), count: 0 };
    const key = `${shape.source}x${shape.target}`;
    counts.set(key, counts.get(key) ?? shape);
    counts.get(key)!.count++;
  }
  // one bucket for all: left-overs of several buckets can always be joined in it
  const top = { source: sources.at(-1)!, target: targets.at(-1)!, count: 0 };
  const buckets = [...counts.values()].sort(byCost);
  const last = buckets.at(-1)!;
  if (!fits(top, last)) buckets.push(top);
  while (buckets.length > maxBuckets) mergeCheapest(buckets);
  return buckets.map(({ source, target }) => ({ source, target }));
}

function byCost(a: Lengths, b: Lengths): number {
  return paddedCost(a) - paddedCost(b) || a.source - b.source;
}

function mergeCheapest(buckets: (Lengths & { count: number })[]): void {
  let best = { added: Infinity, i: 0, j: 0 };
  for (let i = 0; i < buckets.length; i++) {
    for (let j = i + 1; j < buckets.length; j++) {
      const [a, b] = [buckets[i]!, buckets[j]!];
      const cost = paddedCost(union(a, b));
      const added = a.count * (cost - paddedCost(a)) + b.count * (cost - paddedCost(b));
      if (added < best.added) best = { added, i, j };
    }
  }
  const [a, b] = [buckets[best.i]!, buckets[best.j]!];
  const merged = { ...union(a, b), count: a.count + b.count };
  buckets.splice(best.j, 1);
  buckets.splice(best.i, 1);
  const same = buckets.find((bucket) => bucket.source === merged.source && bucket.target === merged.target);
  if (same) same.count += merged.count;
  else buckets.push(merged);
  buckets.sort(byCost);
}

function union(a: Lengths, b: Lengths): Lengths {
  return { source: Math.max(a.source, b.source), target: Math.max(a.target, b.target) };
}

function maximum(lengths: readonly Lengths[], key: keyof Lengths): number {
  return lengths.reduce((most, item) => Math.max(most, item[key]), 1);
}
