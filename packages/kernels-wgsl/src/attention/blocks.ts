import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import { attentionBiasBuckets, attentionBiasDiagonals, attentionBlockGradient, attentionRows } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import type { AttentionSizes } from "./plan.js";

/** Bytes that s and dp of a block of queries should take together, where that leaves at least the fewest rows. */
const BLOCK_BYTES = 2 ** 23;
/** Storage buffers of a backward tile; WebGPU promises eight, which all other kernels do with. */
const TILE_BINDINGS = 10;
/** Rows that the block kernel walks in one workgroup: ROWS in block_gradient.wgsl. */
const ROWS_OF_GROUP = 8;

/**
 * How dq, dk and dv are computed. `tiles`: flash kernels (tile.ts). `blocks`: matmuls over a block of queries at a time with one
 * kernel between them, memory linear in the length too: software adapters take seconds to compile a tile's five products in one text,
 * and run them no faster than the matmul kernels that are there anyhow (docs/log.md).
 */
export function attentionBackwardWay(facts: DeviceFacts): "tiles" | "blocks" {
  if (facts.limits.maxStorageBuffersPerShaderStage < TILE_BINDINGS) return "blocks";
  return facts.isSoftware && facts.subgroupSize !== null ? "blocks" : "tiles";
}

/**
 * Rows of each block of queries: as many as BLOCK_BYTES allow, in steps that start at multiples of 256 bytes of q. A causal block needs
 * no keys after its last query, so the smallest leave out most.
 */
export function attentionBlock({ batch, heads, queries, keys, dKv, isCausal }: AttentionSizes): number {
  const step = (heads * dKv) % 2 === 0 ? 32 : 64;
  const bytesOfRow = 8 * batch * heads * keys;
  const rows = Math.max(1, Math.floor(BLOCK_BYTES / bytesOfRow / step)) * step;
  return Math.min(queries, isCausal ? step : rows);
}

/** A block of queries and the keys that it may see. */
export interface AttentionBlock {
  first: number;
  rows: number;
  cols: number;
}

/** s and dp [batch, heads, block rows, cols rounded up to 4], in place */
export function planAttentionBlockGradient(sizes: AttentionSizes, block: AttentionBlock, facts: DeviceFacts): KernelCall {
  const { batch, heads, queries, keys, hasNumbers, isCausal, bias = null, dropout = null, first = 0 } = sizes;
  const rows = batch * heads * block.rows;
  const flag = (is: boolean | undefined): number => (is ? 1 : 0);
  return {
    kernel: attentionBlockGradient,
    variant: {},
    params: {
      rows, block: block.rows, first: block.first, heads, queries, keys, quads: Math.ceil(block.cols / 4), cols: block.cols,
      has_numbers: flag(hasNumbers), is_causal: flag(isCausal), has_bias: flag(bias !== null),
      offset: bias?.offset ?? 0, distances: bias?.distances ?? 0, stat_rows: batch * heads * queries, has_dropout: flag(dropout !== null), site: dropout?.site ?? 0,
      threshold: Math.floor((dropout?.p ?? 0) * 2 ** 32), keep: 1 / (1 - (dropout?.p ?? 0)),
      first_head: first * heads,
    }, // biome-ignore format: by subject
    workgroups: spread(Math.ceil(rows / ROWS_OF_GROUP), facts),
    reason: `${ROWS_OF_GROUP} rows a workgroup`,
    flops: 8 * rows * block.cols,
    bytes: 16 * rows * block.cols,
  };
}

/** sums [first + batch, heads, queries + keys - 1] (+)= ds of a block along its diagonals */
export function planAttentionBiasDiagonals(
  { batch, heads, queries, keys, first: firstEntry = 0 }: AttentionSizes,
  block: AttentionBlock & { accumulate: boolean },
  facts: DeviceFacts,
): KernelCall {
  const diagonals = queries + keys - 1;
  const count = batch * heads * diagonals;
  const { first, rows, cols, accumulate } = block;
  const stride = 4 * Math.ceil(cols / 4);
  return {
    kernel: attentionBiasDiagonals,
    variant: {},
    params: {
      count,
      block: rows,
      first,
      queries,
      cols,
      stride,
      diagonals,
      accumulate: accumulate ? 1 : 0,
      place: firstEntry * heads * diagonals,
    },
    workgroups: spread(Math.ceil(count / 64), facts),
    reason: "a lane owns a diagonal",
    flops: batch * heads * rows * cols,
    bytes: 4 * batch * heads * rows * cols,
  };
}

/** dtable [buckets, heads] (+)= sums [batch, heads, queries + keys - 1] by bucket */
export function planAttentionBiasBuckets(
  { batch, heads, queries, keys }: AttentionSizes,
  { buckets, offset, accumulate }: { buckets: number; offset: number; accumulate: boolean },
  facts: DeviceFacts,
): KernelCall {
  const diagonals = queries + keys - 1;
  return {
    kernel: attentionBiasBuckets,
    variant: {},
    params: { batch, heads, diagonals, buckets, shift: offset - (queries - 1), accumulate: accumulate ? 1 : 0 },
    workgroups: spread(Math.ceil((buckets * heads) / 64), facts),
    reason: "a lane owns an entry",
    flops: batch * heads * diagonals,
    bytes: 4 * heads * diagonals * (batch + buckets),
  };
}

/** Few queries: a row a workgroup. */
export function planAttentionRows(sizes: AttentionSizes, facts: DeviceFacts): KernelCall {
  const { batch, heads, queries, keys, dKv, scale, hasNumbers, isCausal, bias = null } = sizes;
  const { variant, replaceUses, lanes } = rowVariant(facts);
  const rows = batch * heads * queries;
  const flag = (is: boolean | undefined): number => (is ? 1 : 0);
  return {
    kernel: attentionRows,
    variant: { ...variant, SHARE: `${Math.ceil(Math.max(128, dKv) / lanes)}u` },
    replaceUses,
    params: {
      rows, heads, queries, keys, dkv: dKv, scale, has_numbers: flag(hasNumbers),
      is_causal: flag(isCausal), has_bias: flag(bias !== null), offset: bias?.offset ?? 0, distances: bias?.distances ?? 0,
    }, // biome-ignore format: by subject
    workgroups: spread(rows, facts),
    reason: `few queries: ${lanes} lanes a row`,
    flops: 4 * rows * keys * dKv,
    bytes: 8 * batch * heads * keys * dKv + 8 * rows * dKv,
  };
}
