// numpy.random.default_rng(seed) as far as `datasets` uses it: PCG64 (M. O'Neill 2014, HMC-CS-2014-0905) seeded through SeedSequence.
// Doubles, weighted choices and permutations are numpy's own, so that splits and mixtures are those of Python.

const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const MASK_128 = (1n << 128n) - 1n;
const MASK_64 = (1n << 64n) - 1n;

export interface NumpyRandom {
  /** rng.random(): a double in [0, 1). */
  random(): number;
  /** rng.choice(weights.length, p=weights). */
  choice(weights: readonly number[]): number;
  /** rng.permutation(n). */
  permutation(n: number): Uint32Array;
}

/** Throws a RangeError for a seed that is no whole number below 2^32. */
export function numpyRandom(seed: number): NumpyRandom {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) throw new RangeError(`seed: ${seed} is no whole number below 2^32`);
  const words = seedWords(seed); // [8]
  const pair = (k: number) => (BigInt(words[k + 1]!) << 32n) | BigInt(words[k]!); // the low half comes first
  const increment = ((((pair(4) << 64n) | pair(6)) << 1n) | 1n) & MASK_128;
  let state = 0n;
  const step = (): void => {
    state = (state * MULTIPLIER + increment) & MASK_128;
  };
  step();
  state = (state + ((pair(0) << 64n) | pair(2))) & MASK_128;
  step();

  function uint64(): bigint {
    step();
    const folded = (state >> 64n) ^ (state & MASK_64);
    const turn = state >> 122n;
    return ((folded >> turn) | (folded << (64n - turn))) & MASK_64;
  }
  let upper: number | undefined; // of the last 64 bits, where only 32 were asked for
  function uint32(): number {
    if (upper !== undefined) {
      const value = upper;
      upper = undefined;
      return value;
    }
    const bits = uint64();
    upper = Number(bits >> 32n);
    return Number(bits & 0xffffffffn);
  }
  /** A whole number from 0 to max below 2^32, as numpy's shuffle draws it: masked bits, again until they fit. */
  function upTo(max: number): number {
    const mask = 2 ** (32 - Math.clz32(max)) - 1;
    for (;;) {
      const value = (uint32() & mask) >>> 0;
      if (value <= max) return value;
    }
  }
  const random = () => Number(uint64() >> 11n) / 2 ** 53;
  return {
    random,
    choice(weights) {
      // cumulative sums are divided by the last, then searched from the right: numpy's order of roundings
      const sums: number[] = [];
      for (const weight of weights) sums.push((sums.at(-1) ?? 0) + weight);
      const drawn = random();
      const at = sums.findIndex((sum) => sum / sums.at(-1)! > drawn);
      return at < 0 ? weights.length - 1 : at;
    },
    permutation(n) {
      const order = Uint32Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const j = upTo(i);
        [order[i], order[j]] = [order[j]!, order[i]!];
      }
      return order;
    },
  };
}

/** np.random.SeedSequence(seed).generate_state(8): a pool of four words, mixed, then spread. */
function seedWords(seed: number): Uint32Array {
  let constant = 0x43b0d7e5;
  const hashed = (value: number): number => {
    const mixed = value ^ constant;
    constant = Math.imul(constant, 0x931e8875);
    const product = Math.imul(mixed, constant);
    return product ^ (product >>> 16);
  };
  const pool = Int32Array.from([seed, 0, 0, 0], hashed);
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) {
      if (from === to) continue;
      const mixed = Math.imul(0xca01f9dd, pool[to]!) - Math.imul(0x4973f715, hashed(pool[from]!));
      pool[to] = mixed ^ (mixed >>> 16);
    }
  }
  let spread = 0x8b51f9dd;
  return Uint32Array.from({ length: 8 }, (_, k) => {
    const mixed = pool[k % 4]! ^ spread;
    spread = Math.imul(spread, 0x58f38ded);
    const product = Math.imul(mixed, spread);
    return product ^ (product >>> 16);
  });
}
