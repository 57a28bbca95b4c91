// Draws for sampling. transformers' own are torch's generator and not worth matching; these depend on nothing but their counters: Philox4x32-10
// (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") of (sequence, step, draw) under the seed. A prompt's answer
// is the same whatever else is in its batch, and a run can be repeated from its seed on any machine.

/** Uniform numbers in [0, 1) with 53 random bits, by counters. */
export type Draw = (sequence: number, step: number, draw: number) => number;

/** Draws of a seed; its lower 64 bits count. */
export function philoxDraws(seed: number): Draw {
  const key: [number, number] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
  return (sequence, step, draw) => {
    const [a, b] = philox4x32([sequence >>> 0, step >>> 0, draw >>> 0, 0x67656e], key);
    return ((a >>> 5) * 0x4000000 + (b >>> 6)) / 2 ** 53;
  };
}

type Words = readonly [number, number, number, number];

/** Ten rounds over a counter of four words. */
export function philox4x32(counter: Words, [k0, k1]: readonly [number, number]): Words {
  let [c0, c1, c2, c3] = counter;
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = product(0xd2511f53, c0);
    const [high1, low1] = product(0xcd9e8d57, c2);
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/** The 64 bits of a * b as two words: exact through halves of a, since 16 + 32 bits fit a double. */
function product(a: number, b: number): [number, number] {
  const low = (a & 0xffff) * b;
  const high = (a >>> 16) * b + Math.floor(low / 2 ** 16);
  return [Math.floor(high / 2 ** 16) >>> 0, Math.imul(a, b) >>> 0];
}

/** The index that a uniform number picks among weights of any sum. @returns -1 where they have no positive, finite sum */
export function pick(weights: Float64Array, uniform: number): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += weights[i]!;
  if (!(sum > 0 && sum < Infinity)) return -1;
  let left = uniform * sum;
  let last = -1;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    last = i;
    left -= weights[i]!;
    if (left < 0) return i;
  }
  return last; // rounding left a rest
}
