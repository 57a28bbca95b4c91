// Adafactor's four kernels over an arena of a matrix, a vector and a matrix of one column: whole, or the rows behind a cut.
import type { DeviceFacts } from "../../facts.js";
import {
  type AdafactorGroup,
  type AdafactorLayout,
  layoutAdafactor,
  planAdafactorApply,
  planAdafactorSquares,
  planAdafactorStats,
  planAdafactorTotals,
} from "../../optimizer/adafactor.js";
import type { Dims, KernelCase, KernelInput } from "../kernelCase.js";
import type { Values } from "../references.js";
import { flat, positive } from "./common.js";
import { update } from "./optimizer.js";

const STEP = { isGood: 1, factor: 0.5, rate: 0.1, first: 0.75, second: 0.25 } as const;
const DECAY = 0.3;
const BETA = 0.9;
const THRESHOLD = 0.5;

function layoutOf({ rows, cols, cut }: Dims, facts: DeviceFacts): { layout: AdafactorLayout; group: AdafactorGroup } {
  const tensors = [
    { rows: rows!, cols: cols!, isMatrix: true, decays: true, offset: 0 },
    { rows: 1, cols: cols!, isMatrix: false, decays: false, offset: rows! * cols! },
    { rows: rows!, cols: 1, isMatrix: true, decays: false, offset: (rows! + 1) * cols! },
  ];
  // half of the first matrix, with its vector behind
  const bytes = cut ? 4 * cols! * Math.ceil((rows! + 1) / 2) : facts.limits.maxStorageBufferBindingSize;
  const limits = { ...facts.limits, maxStorageBufferBindingSize: bytes, minStorageBufferOffsetAlignment: 4 };
  const layout = layoutAdafactor(tensors, { ...facts, limits });
  return { layout, group: layout.groups[Math.min(cut!, layout.groups.length - 1)]! };
}

const words = (table: Uint32Array, shape: readonly number[]): KernelInput => ({
  shape,
  dtype: "u32",
  draw: (_, i) => table[i]!,
});
const tables = ({ pieces, jobs }: AdafactorGroup): Record<string, KernelInput> => ({
  pieces: words(pieces, [pieces.length]),
  jobs: words(jobs, [jobs.length / 2, 2]),
});
const arena = ({ begin, end }: AdafactorGroup): KernelInput => ({ shape: [end - begin] });

/** Calls f for every element of every piece. */
function walk(
  { pieces }: AdafactorGroup,
  f: (at: { element: number; row: number; col: number; piece: readonly number[]; isMatrix: boolean }) => void,
): void {
  for (let k = 0; k < pieces.length; k += 9) {
    const piece = [...pieces.subarray(k, k + 9)];
    const [offset, rows, cols] = piece as [number, number, number];
    const isMatrix = (piece[8]! & 1) === 1;
    for (let row = 0; row < rows; row++) {
      for (let col = 0; col < cols; col++) f({ element: offset + row * cols + col, row, col, piece, isMatrix });
    }
  }
}
const copy = (of: Values): Float64Array => Float64Array.from(of.data);
const DIMS = { rows: [2, 12], cols: [2, 40], cut: [0, 1] } as const;
const EDGES = [
  { rows: 7, cols: 70, cut: 0, why: "whole; several jobs a matrix" },
  { rows: 8, cols: 12, cut: 1, why: "the rows behind a cut" },
] as const;

/** g over the roots of its mean squares, and the piece it is of */
function updateOf(
  g: Values,
  second: Values,
  { element, row, col, piece, isMatrix }: Parameters<Parameters<typeof walk>[1]>[0],
): number {
  const mean = isMatrix ? second.data[piece[3]! + row]! * second.data[piece[4]! + col]! : second.data[piece[3]! + col]!;
  return (g.data[element]! * STEP.factor) / Math.sqrt(mean);
}

export const adafactorCases: readonly KernelCase[] = [
  {
    name: "optimizer/adafactor_stats",
    dims: { ...DIMS, good: [0, 1] },
    edges: [...EDGES.map((edge) => ({ ...edge, good: 1 })), { rows: 3, cols: 3, cut: 0, good: 0, why: "a refused update" }],
    plan: (dims, facts) => planAdafactorStats(layoutOf(dims, facts).group, facts),
    inputs: (dims, facts) => {
      const { layout, group } = layoutOf(dims, facts);
      const [g, p] = [arena(group), arena(group)];
      const second = { shape: [layout.second], draw: positive };
      return { ...tables(group), g, p, step: update({ ...STEP, isGood: dims.good! }), second, sums: { shape: [layout.rows, 2] } };
    },
    reference: ({ g, p, second, sums }, dims, _, facts) => {
      if (!dims.good) return { second: second!, sums: sums! };
      const { group } = layoutOf(dims, facts);
      const [after, sumsAfter] = [copy(second!), copy(sums!)];
      const seen = new Set<number>();
      const keepOnce = (at: number, keep: number): void => {
        if (!seen.has(at)) after[at] = keep * after[at]!;
        seen.add(at);
      };
      walk(group, ({ element, row, col, piece, isMatrix }) => {
        const square = (g!.data[element]! * STEP.factor) ** 2 + 1e-30;
        const [, , cols, rowAt, columnAt, sumAt, , allRows, flags] = piece as [
          number,
          number,
          number,
          number,
          number,
          number,
          number,
          number,
          number,
        ];
        const rowPlace = rowAt + (isMatrix ? row : col);
        keepOnce(rowPlace, STEP.first);
        after[rowPlace] = after[rowPlace]! + (STEP.second * square) / (isMatrix ? cols : 1);
        if (isMatrix) {
          keepOnce(columnAt + col, flags & 4 ? STEP.first : 1);
          after[columnAt + col] = after[columnAt + col]! + (STEP.second * square) / allRows;
        }
        const place = 2 * (sumAt + row);
        if (col === 0) sumsAfter.fill(0, place, place + 2);
        sumsAfter[place] = sumsAfter[place]! + p!.data[element]! ** 2;
      });
      return { second: { shape: second!.shape, data: after }, sums: { shape: sums!.shape, data: sumsAfter } };
    },
  },
  {
    name: "optimizer/adafactor_squares",
    dims: DIMS,
    edges: EDGES,
    plan: (dims, facts) => planAdafactorSquares(layoutOf(dims, facts).group, facts),
    inputs: (dims, facts) => {
      const { layout, group } = layoutOf(dims, facts);
      const second = { shape: [layout.second], draw: positive };
      return { ...tables(group), g: arena(group), step: update(STEP), second, sums: { shape: [layout.rows, 2] } };
    },
    reference: ({ g, second, sums }, dims, _, facts) => {
      const after = copy(sums!);
      walk(layoutOf(dims, facts).group, (at) => {
        const place = 2 * (at.piece[5]! + at.row) + 1;
        after[place] = (at.col === 0 ? 0 : after[place]!) + updateOf(g!, second!, at) ** 2;
      });
      return { sums: { shape: sums!.shape, data: after } };
    },
  },
  {
    name: "optimizer/adafactor_totals",
    dims: { rows: [2, 30], cols: [2, 40], scales: [0, 1], cut: [0, 0] },
    edges: [
      { rows: 19, cols: 5, scales: 1, cut: 0, why: "several turns of the lanes; the rate scaled by RMS(p)" },
      { rows: 2, cols: 40, scales: 0, cut: 0, why: "the rate as it is" },
    ],
    plan: (dims, facts) =>
      planAdafactorTotals(layoutOf(dims, facts).layout, { scales: dims.scales === 1, floor: 0.25, threshold: THRESHOLD }, facts),
    inputs: (dims, facts) => {
      const { layout } = layoutOf(dims, facts);
      return {
        tensors: words(layout.tensors, [layout.tensors.length / 4, 4]),
        second: { shape: [layout.second], draw: positive },
        sums: { shape: [layout.rows, 2], draw: positive },
        step: update(STEP),
      };
    },
    reference: ({ tensors, second, sums }, { scales }) => {
      const count = tensors!.data.length / 4;
      return {
        totals: flat([count, 2], (i) => {
          const [rows, cols, rowAt, sumAt] = [0, 1, 2, 3].map((k) => tensors!.data[4 * Math.floor(i / 2) + k]!) as [
            number,
            number,
            number,
            number,
          ];
          const over = (f: (row: number) => number): number =>
            Array.from({ length: rows }, (_, row) => f(row)).reduce((a, b) => a + b, 0);
          const isMatrix = rowAt !== 2 ** 32 - 1;
          const weight = Math.sqrt(over((row) => sums!.data[2 * (sumAt + row)]!) / (rows * cols));
          const mean = isMatrix ? over((row) => second!.data[rowAt + row]!) / rows : 1;
          const rms = Math.sqrt((over((row) => sums!.data[2 * (sumAt + row) + 1]!) * mean) / (rows * cols));
          const rate = STEP.rate * (scales ? Math.max(0.25, weight) : 1);
          return i % 2 === 1 ? rate : (rate * Math.sqrt(mean)) / Math.max(1, rms / THRESHOLD);
        }),
      };
    },
  },
  ...[true, false].map(
    (hasMoment): KernelCase => ({
      name: `optimizer/adafactor_apply, ${hasMoment ? "a running mean of updates" : "no first moment"}`,
      dims: { ...DIMS, good: [0, 1] },
      edges: [...EDGES.map((edge) => ({ ...edge, good: 1 })), { rows: 3, cols: 3, cut: 0, good: 0, why: "a refused update" }],
      plan: (dims, facts) =>
        planAdafactorApply(layoutOf(dims, facts).group, { decay: DECAY, beta1: hasMoment ? BETA : null }, facts),
      inputs: (dims, facts) => {
        const { layout, group } = layoutOf(dims, facts);
        return {
          ...tables(group),
          g: arena(group),
          p: arena(group),
          ...(hasMoment ? { m: arena(group) } : {}),
          step: update({ ...STEP, isGood: dims.good! }),
          second: { shape: [layout.second], draw: positive },
          totals: { shape: [layout.tensors.length / 4, 2], draw: positive },
        };
      },
      reference: ({ g, p, m, second, totals }, dims, _, facts) => {
        const [after, moment] = [copy(p!), copy(m ?? p!)];
        if (dims.good) {
          walk(layoutOf(dims, facts).group, (at) => {
            const { element, piece } = at;
            const [factor, rate] = [totals!.data[2 * piece[6]!]!, totals!.data[2 * piece[6]! + 1]!];
            const u = updateOf(g!, second!, at) * factor;
            moment[element] = hasMoment ? BETA * moment[element]! + (1 - BETA) * u : u;
            after[element] = after[element]! * (1 - (piece[8]! & 2 ? DECAY * rate : 0)) - moment[element]!;
          });
        }
        return { p: { shape: p!.shape, data: after }, ...(hasMoment ? { m: { shape: m!.shape, data: moment } } : {}) };
      },
    }),
  ),
];
