// The one generator of random numbers on the host: MT19937 (Matsumoto and Nishimura 1998), as torch's CPU generator uses
// it, so that shuffles and LoRA's initial values can be those of Python bit for bit. Dropout has its own, on the device.

const N = 624;
const M = 397;

/** A stream of random numbers that depends on its seed only. */
export interface Random {
  /** Whole number in [0, 2^32). */
  uint32(): number;
  /** f32 number in [0, 1) with 24 random bits: torch.rand's. */
  uniform24(): number;
  /** Double in [0, 1) with 53 random bits. */
  uniform(): number;
  /** Whole number in [0, n), n < 2^32. Modulo, as torch's randperm does: its bias is below n / 2^32. */
  below(n: number): number;
  /** Standard normal, by Box and Muller in double precision. */
  normal(): number;
  /** Passes over `count` draws of uint32. */
  skip(count: number): void;
}

/** A generator seeded like torch.manual_seed(seed); only the lower 32 bits of the seed count, as there. */
export function mt19937(seed: number): Random {
  const state = new Uint32Array(N);
  state[0] = seed % 2 ** 32; // a Uint32Array wraps what is negative
  for (let i = 1; i < N; i++) {
    const previous = state[i - 1]! ^ (state[i - 1]! >>> 30);
    state[i] = Math.imul(1812433253, previous) + i;
  }
  let next = N;
  let spare: number | undefined;

  function refill(): void {
    for (let i = 0; i < N; i++) {
      const y = (state[i]! & 0x80000000) | (state[(i + 1) % N]! & 0x7fffffff);
      state[i] = state[(i + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    next = 0;
  }

  function uint32(): number {
    if (next === N) refill();
    let y = state[next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  const uniform = () => ((uint32() >>> 5) * 0x4000000 + (uint32() >>> 6)) / 2 ** 53;
  return {
    uint32,
    uniform,
    uniform24: () => (uint32() & 0xffffff) / 0x1000000,
    below: (n) => uint32() % n,
    skip(count) {
      for (let i = 0; i < count; i++) uint32();
    },
    normal() {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      const radius = Math.sqrt(-2 * Math.log(1 - uniform())); // 1 - u is never 0
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

/** torch.randperm(n, generator=manual_seed(seed)): a shuffle of 0 .. n-1. */
export function randperm(n: number, seed: number): Uint32Array {
  const random = mt19937(seed);
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = 0; i < n - 1; i++) {
    const j = i + random.below(n - i);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** A 32-bit seed for one purpose of a run: (seed, name) -> FNV-1a, finished as in MurmurHash3 so that near seeds part. */
export function seedFor(seed: number, name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(`${seed}/${name}`)) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
