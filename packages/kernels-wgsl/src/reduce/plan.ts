import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import { reduceColumns, reduceFinite, reduceRows, reduceSumSquares } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import { byRows } from "../split/axes.js";

export interface RowSumSizes {
  rows: number;
  cols: number;
  scale?: number;
  /** Sum squares instead of values. */
  squares?: boolean;
  /** Take the root of the sum: the second half of a norm. */
  root?: boolean;
}

/** y [rows] = scale * sum of x [rows, cols] over cols */
export function planRowSum(
  { rows, cols, scale = 1, squares = false, root = false }: RowSumSizes,
  facts: DeviceFacts,
): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  return {
    kernel: reduceRows,
    variant,
    replaceUses,
    params: { rows, cols, scale, squares: squares ? 1 : 0, root: root ? 1 : 0 },
    workgroups: spread(rows, facts),
    reason: `${lanes} lanes a row`,
    flops: rows * cols,
    bytes: 4 * (rows * cols + rows),
    ...byRows(rows, { x: 4 * cols, y: 4 }, (part) => planRowSum({ rows: part, cols, scale, squares, root }, facts)),
  };
}

export interface ColumnSumSizes {
  outer: number;
  middle: number;
  inner: number;
  scale?: number;
  accumulate?: boolean;
}

/** y [outer, inner] (+)= scale * sum of x [outer, middle, inner] over middle */
export function planColumnSum(
  { outer, middle, inner, scale = 1, accumulate = false }: ColumnSumSizes,
  facts: DeviceFacts,
): KernelCall {
  return {
    kernel: reduceColumns,
    variant: {},
    params: { outer, middle, inner, scale, accumulate: accumulate ? 1 : 0 },
    workgroups: spread(Math.ceil((outer * inner) / 64), facts),
    reason: "a lane owns an output",
    flops: outer * middle * inner,
    bytes: 4 * (outer * middle * inner + outer * inner),
    // one matrix is cut along the sum: what a piece adds is rounded on its own
    ...(outer === 1
      ? byRows(middle, { x: 4 * inner }, (part, first) =>
          planColumnSum({ outer, middle: part, inner, scale, accumulate: accumulate || first > 0 }, facts),
        )
      : byRows(outer, { x: 4 * middle * inner, y: 4 * inner }, (part) =>
          planColumnSum({ outer: part, middle, inner, scale, accumulate }, facts),
        )),
  };
}

/** vec4s that one workgroup of sum_squares adds up. */
const NORM_BLOCK = 4096;

/** How many partial sums `planSumSquares` writes for a range of `count` elements. */
export function sumSquaresBlocks(count: number): number {
  return Math.ceil(Math.ceil(count / 4) / NORM_BLOCK);
}

/** partial [.., 2] from row `first` on = sum of squares, and whether one is not finite (1 or 0), of blocks of x [count] */
export function planSumSquares({ count, first }: { count: number; first: number }, facts: DeviceFacts): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  const blockCount = 4 * NORM_BLOCK;
  return {
    kernel: reduceSumSquares,
    variant,
    replaceUses,
    params: { quads: Math.ceil(count / 4), block: NORM_BLOCK, first },
    workgroups: spread(sumSquaresBlocks(count), facts),
    reason: `${lanes} lanes a block of ${NORM_BLOCK} vec4`,
    flops: 2 * count,
    bytes: 4 * count,
    ...byRows(sumSquaresBlocks(count), { x: 4 * blockCount }, (blocks, from) =>
      planSumSquares({ count: Math.min(blocks * blockCount, count - from * blockCount), first: first + from }, facts),
    ),
  };
}

/** Elements that one workgroup of finite looks at. */
const FINITE_BLOCK = 16384;

/** Results of one round of `planFinite`. */
export function finiteBlocks(count: number): number {
  return Math.max(1, Math.ceil(count / FINITE_BLOCK));
}

/** y [finiteBlocks(count)] = whether blocks of x [count] are finite: 1 or 0 where that is one block, else for the next round to take in */
export function planFinite(count: number, facts: DeviceFacts): KernelCall {
  return planFiniteBlocks(count, finiteBlocks(count) === 1, facts);
}

function planFiniteBlocks(count: number, isLast: boolean, facts: DeviceFacts): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  return {
    kernel: reduceFinite,
    variant,
    replaceUses,
    params: { count, block: FINITE_BLOCK, is_last: isLast ? 1 : 0 },
    workgroups: spread(finiteBlocks(count), facts),
    reason: `${lanes} lanes a block of ${FINITE_BLOCK}`,
    flops: count,
    bytes: 4 * count,
    ...byRows(finiteBlocks(count), { x: 4 * FINITE_BLOCK, y: 4 }, (blocks, first) =>
      planFiniteBlocks(Math.min(blocks * FINITE_BLOCK, count - first * FINITE_BLOCK), isLast, facts),
    ),
  };
}
