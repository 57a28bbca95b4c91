// MT19937 (M. Matsumoto and T. Nishimura, "Mersenne twister", ACM TOMACS 8(1), 1998) as numpy's legacy RandomState uses
// it, so that intervals are those that Python code prints after np.random.seed(seed).

const SIZE = 624;
const MIDDLE = 397;

/** A stream of whole numbers that depends on its seed only. */
export interface Draws {
  /** Uniform in [0, n), for n from 1 to 2^32: np.random.randint(0, n), np.random.choice(n). */
  below(n: number): number;
}

/** The stream of np.random.RandomState(seed), for a whole number from 0 to 2^32 - 1. */
export function numpyDraws(seed: number): Draws {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(`seed: expected a whole number from 0 to 2^32 - 1, found ${seed}`);
  }
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) state[i] = Math.imul(1812433253, state[i - 1]! ^ (state[i - 1]! >>> 30)) + i;
  let next = SIZE;

  function twist(): void {
    for (let i = 0; i < SIZE; i++) {
      const bits = (state[i]! & 0x80000000) | (state[(i + 1) % SIZE]! & 0x7fffffff);
      state[i] = state[(i + MIDDLE) % SIZE]! ^ (bits >>> 1) ^ (bits & 1 ? 0x9908b0df : 0);
    }
    next = 0;
  }

  function uint32(): number {
    if (next === SIZE) twist();
    let bits = state[next++]!;
    bits ^= bits >>> 11;
    bits ^= (bits << 7) & 0x9d2c5680;
    bits ^= (bits << 15) & 0xefc60000;
    return (bits ^ (bits >>> 18)) >>> 0;
  }

  return {
    below(n) {
      if (n === 1) return 0; // numpy draws nothing where there is no choice
      const mask = 0xffffffff >>> Math.clz32(n - 1); // the fewest bits that hold n - 1; what is too large is drawn again
      for (;;) {
        const value = (uint32() & mask) >>> 0;
        if (value < n) return value;
      }
    },
  };
}
