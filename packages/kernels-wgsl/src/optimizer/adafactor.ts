// Adafactor over many parameters at once: tables say which row of which parameter a workgroup works on.
import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import {
  optimizerAdafactorApply,
  optimizerAdafactorSquares,
  optimizerAdafactorStats,
  optimizerAdafactorTotals,
} from "../generated/kernels.js";
import type { Kernel, KernelCall } from "../kernel.js";

/** A parameter in an arena: [rows, cols], or a vector (rows 1, isMatrix false). */
export interface AdafactorTensor {
  readonly rows: number;
  readonly cols: number;
  readonly isMatrix: boolean;
  readonly decays: boolean;
  /** Elements before it in its arena. */
  readonly offset: number;
}

/** Pieces of parameters that lie in one range of the arena, and the jobs over them: one set of dispatches. */
export interface AdafactorGroup {
  /** Elements of the arena range. */
  readonly begin: number;
  readonly end: number;
  /** Words of `array<Piece>`. */
  readonly pieces: Uint32Array;
  /** Pairs of words: (piece, row); then, for the statistics alone, (piece, first column | 2^31). */
  readonly jobs: Uint32Array;
  readonly rowJobs: number;
}

export interface AdafactorLayout {
  readonly groups: readonly AdafactorGroup[];
  /** Words of `tensors` (totals). */
  readonly tensors: Uint32Array;
  /** Elements of `second`, and rows of `sums`. */
  readonly second: number;
  readonly rows: number;
}

const PIECE_WORDS = 9;
const FLAG = { isMatrix: 1, decays: 2, isFirst: 4 } as const;
const COLUMN_JOB = 2 ** 31;

/**
 * Lays out the tables for the parameters of one arena. Ranges are of at most `limit` bytes and begin at multiples of `alignment` bytes: a
 * larger matrix is cut by rows.
 * @throws if one row is larger than that
 */
export function layoutAdafactor(given: readonly AdafactorTensor[], facts: DeviceFacts): AdafactorLayout {
  const limit = facts.limits.maxStorageBufferBindingSize / 4;
  const alignment = facts.limits.minStorageBufferOffsetAlignment / 4;
  const width = 4 * rowVariant(facts).lanes;
  const tensors: number[] = [];
  const groups: { begin: number; end: number; pieces: number[]; rowJobs: number[]; columnJobs: number[] }[] = [];
  let second = 0;
  let sumAt = 0;
  given.forEach((tensor, index) => {
    const { rows, cols, isMatrix, decays, offset } = tensor;
    const rowAt = second;
    const columnAt = second + rows;
    second += isMatrix ? rows + cols : cols;
    tensors.push(rows, cols, isMatrix ? rowAt : 2 ** 32 - 1, sumAt);
    for (let row = 0; row < rows; ) {
      const begin = offset + row * cols;
      let group = groups.at(-1);
      const fits = (from: number): number => Math.floor((limit - (begin - from)) / cols);
      // a parameter's pieces add to its columns one after the other: two of them never share a group
      const isShared = group !== undefined && row === 0 && fits(group.begin) >= rows;
      if (!isShared) group = { begin, end: begin, pieces: [], rowJobs: [], columnJobs: [] };
      if (!isShared) groups.push(group!);
      let count = Math.min(rows - row, fits(group!.begin));
      if (row + count < rows) while (count > 0 && ((row + count) * cols) % alignment !== 0) count--;
      if (count <= 0) {
        throw new Error(
          `adafactor: a row of ${cols} elements does not fit the ${4 * limit} bytes that this device binds at once. Use AdamW.`,
        );
      }
      const piece = group!.pieces.length / PIECE_WORDS;
      const flags = (isMatrix ? FLAG.isMatrix : 0) + (decays ? FLAG.decays : 0) + (row === 0 ? FLAG.isFirst : 0);
      group!.pieces.push(
        begin - group!.begin,
        count,
        cols,
        rowAt + (isMatrix ? row : 0),
        columnAt,
        sumAt + row,
        index,
        rows,
        flags,
      );
      for (let r = 0; r < count; r++) group!.rowJobs.push(piece, r);
      if (isMatrix) for (let col = 0; col < cols; col += width) group!.columnJobs.push(piece, col + COLUMN_JOB);
      group!.end = begin + count * cols;
      row += count;
    }
    sumAt += rows;
  });
  return {
    groups: groups.map(({ begin, end, pieces, rowJobs, columnJobs }) => ({
      begin,
      end,
      pieces: Uint32Array.from(pieces),
      jobs: Uint32Array.from([...rowJobs, ...columnJobs]),
      rowJobs: rowJobs.length / 2,
    })),
    tensors: Uint32Array.from(tensors),
    second,
    rows: sumAt,
  };
}

/** second and sums from g and p */
export function planAdafactorStats(group: AdafactorGroup, facts: DeviceFacts): KernelCall {
  return planJobs(optimizerAdafactorStats, group.jobs.length / 2, {}, group, facts);
}

/** sums from g and second */
export function planAdafactorSquares(group: AdafactorGroup, facts: DeviceFacts): KernelCall {
  return planJobs(optimizerAdafactorSquares, group.rowJobs, {}, group, facts);
}

/** totals [tensors] from second and sums */
export function planAdafactorTotals(
  { tensors, rows }: AdafactorLayout,
  { scales, floor, threshold }: { scales: boolean; floor: number; threshold: number },
  facts: DeviceFacts,
): KernelCall {
  const count = tensors.length / 4;
  const { variant, replaceUses, lanes } = rowVariant(facts);
  return {
    kernel: optimizerAdafactorTotals,
    variant,
    replaceUses,
    params: { tensors: count, scales: scales ? 1 : 0, floor, threshold },
    workgroups: spread(count, facts),
    reason: `${lanes} lanes a parameter`,
    flops: 3 * rows,
    bytes: 12 * rows,
  };
}

/** p, and m where there is a first moment, in place */
export function planAdafactorApply(
  group: AdafactorGroup,
  { decay, beta1 }: { decay: number; beta1: number | null },
  facts: DeviceFacts,
): KernelCall {
  const params = { decay, beta1: beta1 ?? 0, rest1: 1 - (beta1 ?? 0) };
  const call = planJobs(optimizerAdafactorApply, group.rowJobs, params, group, facts);
  const { replaceUses: _, ...rest } = call; // no sums over rows here
  return { ...rest, variant: { ...call.variant, HAS_MOMENT: `${beta1 !== null}` } };
}

function planJobs(
  kernel: Kernel,
  jobs: number,
  params: Record<string, number>,
  { begin, end }: AdafactorGroup,
  facts: DeviceFacts,
): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  return {
    kernel,
    variant,
    replaceUses,
    params: { jobs, ...params },
    workgroups: spread(jobs, facts),
    reason: `${lanes} lanes a row`,
    flops: 4 * (end - begin),
    bytes: 8 * (end - begin),
  };
}
