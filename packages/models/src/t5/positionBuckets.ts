// T5's relative position buckets (Raffel et al. 2020, section 2.1), as the reference computes them: f32 logarithm of an f32
// quotient, truncated. Half of the buckets hold single distances, the others grow by powers up to maxDistance.

/** Bucket of a relative position (key - query). */
export function positionBucket(relative: number, isBidirectional: boolean, numBuckets: number, maxDistance: number): number {
  const half = isBidirectional ? numBuckets / 2 : numBuckets;
  const first = isBidirectional && relative > 0 ? half : 0;
  const distance = isBidirectional ? Math.abs(relative) : Math.max(-relative, 0);
  const exact = Math.floor(half / 2);
  if (distance < exact) return first + distance;
  const { fround } = Math;
  const logarithm = fround(Math.log(fround(distance / exact)));
  const step = fround(fround(logarithm / fround(Math.log(maxDistance / exact))) * (half - exact));
  return first + Math.min(half - 1, exact + Math.trunc(step));
}

/** Buckets of all relative positions -before ... +after; entry `before` belongs to key == query. */
export function positionBuckets(
  before: number,
  after: number,
  isBidirectional: boolean,
  numBuckets: number,
  maxDistance: number,
): Int32Array {
  return Int32Array.from({ length: before + after + 1 }, (_, i) =>
    positionBucket(i - before, isBidirectional, numBuckets, maxDistance),
  );
}
