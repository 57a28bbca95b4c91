import { type DeviceFacts, spread } from "../facts.js";
import { attentionBiasGradient, attentionBiasOf, attentionDelta, attentionNumbers } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import { type AttentionTile, attentionTile, lonelyGroup } from "./tile.js";

/** q [batch, query, heads * dKv], k and v [batch, key, heads * dKv] -> y [batch, query, heads * dKv], stats [2, batch, heads, query] = lse, delta */
export interface AttentionSizes {
  batch: number;
  heads: number;
  queries: number;
  keys: number;
  dKv: number;
  scale: number;
  /** `numbers` (planAttentionNumbers) are bound: a query sees keys of its own number. */
  hasNumbers?: boolean;
  /** Keys after the query are hidden. */
  isCausal?: boolean;
  /** T5's bias by distance (planAttentionBias) is bound to `bias_of`; `offset` is the distance of key == query. */
  bias?: { buckets: number; offset: number; distances: number } | null;
  dropout?: { p: number; site: number } | null;
  /** The operands begin with this entry of a larger batch: dropout draws, and sums of the bias gradient lie, as in the whole. Default 0. */
  first?: number;
}

/** Which gradients a call gives. */
export interface AttentionGradients {
  q: boolean;
  k: boolean;
  v: boolean;
  bias: boolean;
}

export type AttentionPart = Exclude<AttentionTile["kind"], "forward">;

function shapeOf(facts: DeviceFacts): { rows: number; lanes: number } {
  const lanes = facts.subgroupSize;
  // without subgroups every row is loaded by every lane anyhow, and a small text compiles fast
  if (lanes === null) return { rows: 8, lanes: 1 };
  return { rows: facts.isSoftware ? Math.max(32, lanes) : Math.max(16, lanes), lanes };
}

function tileOf(kind: AttentionTile["kind"], { dKv, bias }: AttentionSizes, facts: DeviceFacts): AttentionTile {
  const buckets = kind === "queries" && bias ? Math.max(32, 2 ** Math.ceil(Math.log2(bias.buckets))) : 32;
  return { kind, ...shapeOf(facts), isVec4: dKv % 4 === 0, buckets };
}

/** Tiles of columns that a head has: rows of `partial` for the bias gradient. */
export function attentionTiles(kind: AttentionTile["kind"], { queries, keys }: AttentionSizes, facts: DeviceFacts): number {
  return Math.ceil((kind === "keys" ? keys : queries) / (4 * shapeOf(facts).lanes));
}

function planTile(
  kind: AttentionTile["kind"],
  sizes: AttentionSizes,
  extra: Record<string, number>,
  facts: DeviceFacts,
): KernelCall {
  const { batch, heads, queries, keys, dKv, scale, hasNumbers, isCausal, bias = null, dropout = null, first = 0 } = sizes;
  if (dropout && !(dropout.p >= 0 && dropout.p < 1)) throw new Error(`attention: dropout p must be in [0, 1), not ${dropout.p}`);
  const tile = tileOf(kind, sizes, facts);
  const tiles = batch * heads * attentionTiles(kind, sizes, facts);
  const products = { forward: 2, queries: 3, keys: 4 }[kind];
  const seen = batch * heads * queries * keys * (isCausal ? 0.5 : 1);
  const rows = batch * heads * dKv * 4;
  return {
    kernel: attentionTile(tile),
    variant: {},
    params: {
      tiles, heads, queries, keys, dkv: dKv, scale,
      has_numbers: hasNumbers ? 1 : 0, is_causal: isCausal ? 1 : 0,
      has_bias: bias ? 1 : 0, offset: bias?.offset ?? 0, distances: bias?.distances ?? 0, buckets: bias?.buckets ?? 0,
      stat_rows: batch * heads * queries,
      has_dropout: dropout ? 1 : 0, site: dropout?.site ?? 0,
      threshold: Math.floor((dropout?.p ?? 0) * 2 ** 32), keep: 1 / (1 - (dropout?.p ?? 0)), tall: tile.rows, first_head: first * heads,
      ...extra,
    }, // biome-ignore format: by subject
    workgroups: spread(Math.ceil(tiles / (tile.lanes === 1 ? lonelyGroup : 1)), facts),
    reason: tile.lanes === 1 ? "no subgroups of one fixed size: a lane works alone" : `tiles of ${tile.rows} x ${4 * tile.lanes}`,
    flops: 2 * products * seen * dKv,
    bytes: rows * (2 * queries + 2 * keys) * (kind === "forward" ? 1 : 2),
  };
}

export function planAttention(sizes: AttentionSizes, facts: DeviceFacts): KernelCall {
  return planTile("forward", sizes, {}, facts);
}

/** dq, or dk and dv, from tiles. `partial` [batch, heads, attentionTiles, buckets] takes the bias gradient's sums. */
export function planAttentionPart(
  part: AttentionPart,
  sizes: AttentionSizes,
  wants: AttentionGradients,
  facts: DeviceFacts,
): KernelCall {
  const flag = (is: boolean): number => (is ? 1 : 0);
  const extra = {
    wants_q: flag(wants.q), wants_k: flag(wants.k), wants_v: flag(wants.v), wants_bias: flag(wants.bias),
  }; // biome-ignore format: by use
  return planTile(part, sizes, extra, facts);
}

/** numbers [batch * (queries + keys)] from a padding mask and segments, from their row `first` on: equal where a query may see a key */
export function planAttentionNumbers(
  sizes: { batch: number; queries: number; keys: number; hasMask: boolean; hasSegments: boolean; first?: number },
  facts: DeviceFacts,
): KernelCall {
  const { batch, hasMask, hasSegments, first = 0 } = sizes;
  const [queries, keys] = [batch * sizes.queries, batch * sizes.keys];
  return {
    kernel: attentionNumbers,
    variant: {},
    params: {
      queries, keys, has_mask: hasMask ? 1 : 0, has_segments: hasSegments ? 1 : 0,
      first_query: first * sizes.queries, first_key: first * sizes.keys,
    }, // biome-ignore format: by subject
    workgroups: spread(Math.ceil((queries + keys) / 64), facts),
    reason: "a lane owns a number",
    flops: 0,
    bytes: 8 * (queries + keys),
  };
}

/** bias_of [heads, distances] from T5's table [buckets, heads] and the bucket of each distance */
export function planAttentionBias({ heads, distances }: { heads: number; distances: number }, facts: DeviceFacts): KernelCall {
  const count = heads * distances;
  return {
    kernel: attentionBiasOf,
    variant: {},
    params: { count, heads, distances },
    workgroups: spread(Math.ceil(count / 64), facts),
    reason: "a lane owns an entry",
    flops: 0,
    bytes: 16 * count,
  };
}

/** delta [batch, heads, query] = rowsum(dy * y), the second half of stats */
export function planAttentionDelta({ batch, heads, queries, dKv }: AttentionSizes, facts: DeviceFacts): KernelCall {
  const rows = batch * heads * queries;
  return {
    kernel: attentionDelta,
    variant: {},
    params: { rows, heads, queries, dkv: dKv },
    workgroups: spread(Math.ceil(rows / 64), facts),
    reason: "a lane owns a row",
    flops: 2 * rows * dKv,
    bytes: 8 * rows * dKv,
  };
}

/** dtable [buckets, heads] (+)= sums of partial [batch, heads, tiles, buckets] */
export function planAttentionBiasGradient(
  sizes: { batch: number; heads: number; tiles: number; buckets: number; accumulate: boolean },
  facts: DeviceFacts,
): KernelCall {
  const { batch, heads, tiles, buckets, accumulate } = sizes;
  return {
    kernel: attentionBiasGradient,
    variant: {},
    params: { batch, heads, tiles, buckets, accumulate: accumulate ? 1 : 0 },
    workgroups: spread(Math.ceil((buckets * heads) / 64), facts),
    reason: "a lane owns an entry",
    flops: batch * heads * tiles * buckets,
    bytes: 4 * batch * heads * tiles * buckets,
  };
}
