// PCG64 (M. O'Neill, "PCG: a family of simple fast space-efficient statistically good algorithms for random number generation",
// HMC-CS-2014-0905) seeded through SeedSequence, as numpy.random.default_rng(seed) has it: sacreBLEU draws with it, so that its
// p-values and ours are the same digits. Whole numbers below n come by D. Lemire's method ("Fast random integer generation in an
// interval", ACM TOMACS 29(1), 2019).

import type { Draws } from "./random.js";

export interface Pcg64 extends Draws {
  /** One of two: a bit of rng.integers(2, dtype=bool). */
  coin(): boolean;
}

const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const MASK_128 = (1n << 128n) - 1n;
const MASK_64 = (1n << 64n) - 1n;

/** The stream of np.random.default_rng(seed), for a whole number from 0 to 2^32 - 1. */
export function numpyGenerator(seed: number): Pcg64 {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(`seed: expected a whole number from 0 to 2^32 - 1, found ${seed}`);
  }
  const words = seedWords(seed); // [8]
  const pair = (k: number) => (BigInt(words[k + 1]!) << 32n) | BigInt(words[k]!); // the low half comes first
  const increment = ((((pair(4) << 64n) | pair(6)) << 1n) | 1n) & MASK_128;
  let state = 0n;
  const step = () => {
    state = (state * MULTIPLIER + increment) & MASK_128;
  };
  step();
  state = (state + ((pair(0) << 64n) | pair(2))) & MASK_128;
  step();

  let half: number | null = null; // of the last 64 bits, the upper 32
  function uint32(): number {
    if (half !== null) {
      const high = half;
      half = null;
      return high;
    }
    step();
    const folded = (state >> 64n) ^ (state & MASK_64);
    const turn = state >> 122n;
    const bits = ((folded >> turn) | (folded << (64n - turn))) & MASK_64;
    half = Number(bits >> 32n);
    return Number(bits & 0xffffffffn);
  }

  let coins = 0;
  let coinsLeft = 0;
  return {
    below(n) {
      if (n === 1) return 0;
      for (;;) {
        // value * n as 64 bits in two halves: a double would lose the lowest
        const value = uint32();
        const low = (value & 0xffff) * n;
        const high = (value >>> 16) * n + Math.floor(low / 65536);
        const rest = (high % 65536) * 65536 + (low % 65536); // the product modulo 2^32
        if (rest >= n || rest >= (2 ** 32 - n) % n) return Math.floor(high / 65536);
      }
    },
    coin() {
      if (coinsLeft === 0) {
        coins = uint32();
        coinsLeft = 32;
      }
      const bit = coins & 1;
      coins >>>= 1;
      coinsLeft--;
      return bit === 1;
    },
  };
}

/** np.random.SeedSequence(seed).generate_state(8): a pool of four words, mixed, then spread. */
function seedWords(seed: number): Uint32Array {
  let constant = 0x43b0d7e5;
  const hashed = (value: number) => {
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
