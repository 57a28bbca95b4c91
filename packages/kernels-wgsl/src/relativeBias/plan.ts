import { type DeviceFacts, spread } from "../facts.js";
import { relativeBiasBuckets, relativeBiasDiagonals, relativeBiasGather } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";

export interface RelativeBiasSizes {
  heads: number;
  queries: number;
  keys: number;
  /** Entry of bucket_of that belongs to key == query. */
  offset: number;
  /** The one query stands at ProgramState.past. */
  isLive?: boolean;
}

/** y [heads, query, key] = table[bucket_of[key - query + offset], head] */
export function planRelativeBias(
  { heads, queries, keys, offset, isLive = false }: RelativeBiasSizes,
  facts: DeviceFacts,
): KernelCall {
  const count = heads * queries * keys;
  return {
    kernel: relativeBiasGather,
    variant: { LIVE: `${isLive}` },
    params: { heads, queries, keys, offset },
    workgroups: spread(Math.ceil(count / 64), facts),
    reason: "one entry a lane",
    flops: 0,
    bytes: 12 * count,
  };
}

/** sums [heads, queries + keys - 1]: dy [heads, query, key] along its diagonals */
export function planBiasDiagonals(
  { heads, queries, keys }: Omit<RelativeBiasSizes, "offset" | "isLive">,
  facts: DeviceFacts,
): KernelCall {
  return {
    kernel: relativeBiasDiagonals,
    variant: {},
    params: { heads, queries, keys },
    workgroups: spread(Math.ceil((heads * (queries + keys - 1)) / 64), facts),
    reason: "a lane owns a diagonal",
    flops: heads * queries * keys,
    bytes: 4 * heads * queries * keys,
  };
}

/** dtable [buckets, heads] (+)= sums gathered by bucket; diagonal d has entry d + shift of bucket_of */
export function planBiasBuckets(
  sizes: { buckets: number; heads: number; diagonals: number; shift: number; accumulate: boolean },
  _facts: DeviceFacts,
): KernelCall {
  const { buckets, heads, diagonals, shift, accumulate } = sizes;
  return {
    kernel: relativeBiasBuckets,
    variant: {},
    params: { buckets, heads, diagonals, shift, accumulate: accumulate ? 1 : 0 },
    workgroups: [Math.ceil((buckets * heads) / 64), 1, 1],
    reason: "a lane owns an entry",
    flops: heads * diagonals,
    bytes: 4 * buckets * heads * diagonals,
  };
}
