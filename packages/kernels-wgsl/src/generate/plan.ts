import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import { generateAppend, generateArgmax, generateTopK } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import { byRows } from "../split/axes.js";

/** next [rows], tokens [rows, capacity + 1] and finished [rows] from logits [rows, cols] at ProgramState.past; eos [ends] */
export function planArgmax(
  { rows, cols, capacity, ends, pad }: { rows: number; cols: number; capacity: number; ends: number; pad: number },
  facts: DeviceFacts,
): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  return {
    kernel: generateArgmax,
    variant,
    replaceUses,
    params: { rows, cols, capacity, ends, pad },
    workgroups: spread(rows, facts),
    reason: `${lanes} lanes a row`,
    flops: rows * cols,
    bytes: 4 * rows * cols,
    ...byRows(rows, { x: 4 * cols, next: 4, tokens: 4 * (capacity + 1), finished: 4 }, (part) =>
      planArgmax({ rows: part, cols, capacity, ends, pad }, facts),
    ),
  };
}

/** Where rows go in a cache: row r to place first + r % group * step of region r / group, plus ProgramState.past if live. */
export interface CacheAppendSizes {
  rows: number;
  cols: number;
  /** Rows of one region. */
  group: number;
  region: number;
  first: number;
  /** From one row's place to the next; live, the room that each has. */
  step: number;
  isLive: boolean;
}

/** cache [rows / group, region, cols] takes x [rows, cols] */
export function planCacheAppend(sizes: CacheAppendSizes, facts: DeviceFacts): KernelCall {
  const { rows, cols, group, region, first, step, isLive } = sizes;
  return {
    kernel: generateAppend,
    variant: {},
    params: { rows, cols, group, region, first, step, is_live: isLive ? 1 : 0 },
    workgroups: spread(Math.ceil((rows * cols) / 64), facts),
    reason: "one element a lane",
    flops: 0,
    bytes: 8 * rows * cols,
    ...byRows(rows / group, { x: 4 * group * cols, cache: 4 * region * cols }, (part) =>
      planCacheAppend({ ...sizes, rows: part * group }, facts),
    ),
  };
}

/** Most columns that topK gives. */
export const TOP_K_LIMIT = 64;

/** values [rows, k] and ids [rows, k] of the k largest of x [rows, cols] */
export function planTopK({ rows, cols, k }: { rows: number; cols: number; k: number }, facts: DeviceFacts): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  return {
    kernel: generateTopK,
    variant,
    replaceUses,
    params: { rows, cols, k },
    workgroups: spread(rows, facts),
    reason: `${lanes} lanes a row, ${k} rounds`,
    flops: rows * cols * k,
    bytes: 4 * rows * cols * k,
    ...byRows(rows, { x: 4 * cols, values: 4 * k, ids: 4 * k }, (part) => planTopK({ rows: part, cols, k }, facts)),
  };
}
