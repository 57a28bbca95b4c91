// Embeddings, reductions, dropout, generation.
import { planDropout } from "../../dropout/plan.js";
import { planClear, planEmbedding, planEmbeddingBackward } from "../../embedding/plan.js";
import { type CacheAppendSizes, planArgmax, planCacheAppend, planTopK } from "../../generate/plan.js";
import { planColumnSum, planFinite, planRowSum } from "../../reduce/plan.js";
import type { Dims, KernelCase, KernelInput } from "../kernelCase.js";
import { dropout, embedding } from "../references.js";
import { flat, matrix, rowEdges } from "./common.js";

const ids = (tokens: number, rows: number): KernelInput => ({
  shape: [tokens],
  dtype: "i32",
  // -1 and `rows` lie outside the table; the first and the last token count
  draw: (random, i) => (i === 0 ? 0 : i === tokens - 1 ? rows - 1 : Math.floor(random() * (rows + 2)) - 1),
});
const P = 0.3;
/** A region with a place before the first and one behind the last. Live, each row has room for itself; else they follow each other. */
const appendSizes = ({ sources, group, room, cols, live }: Dims): CacheAppendSizes => {
  const step = live === 1 ? room! : 1;
  return { rows: sources! * group!, cols: cols!, group: group!, region: group! * step + 2, first: 1, step, isLive: live === 1 };
};

export const modelCases: readonly KernelCase[] = [
  ...(["f32", "bf16", "f16"] as const).map(
    (storage): KernelCase => ({
      name: `embedding/gather, ${storage}`,
      dims: { rows: [1, 12], cols: [1, 40], tokens: [1, 30] },
      edges: [
        { rows: 3, cols: 33, tokens: 9, why: "odd columns: a row of halves begins in the middle of a word" },
        { rows: 2, cols: 5, tokens: 30, why: "ids outside the table give zeros, whatever lies behind it" },
      ],
      plan: ({ rows, cols, tokens }, facts) => planEmbedding({ rows: rows!, cols: cols!, tokens: tokens!, storage }, facts),
      inputs: ({ rows, cols, tokens }) => ({ ids: ids(tokens!, rows!), table: { shape: [rows!, cols!], dtype: storage } }),
      reference: ({ ids: of, table }) => ({ y: embedding(table!, of!) }),
    }),
  ),
  {
    name: "embedding/clear",
    dims: { count: [1, 900] },
    edges: [{ count: 517, why: "three workgroups; what was there is NaN" }],
    plan: ({ count }, facts) => planClear({ count: count! }, facts),
    inputs: () => ({}),
    reference: (_, { count }) => ({ y: flat([4 * Math.ceil(count! / 4)], () => 0) }),
  },
  {
    name: "embedding/scatter",
    dims: { rows: [1, 12], cols: [1, 80], tokens: [1, 30] },
    edges: [{ rows: 3, cols: 67, tokens: 9, why: "tokens repeat; three workgroups" }],
    plan: ({ rows, cols, tokens }, facts) => planEmbeddingBackward({ rows: rows!, cols: cols!, tokens: tokens! }, facts),
    inputs: ({ rows, cols, tokens }) => ({
      ids: ids(tokens!, rows!),
      dy: { shape: [tokens!, cols!] },
      dtable: { shape: [rows!, cols!] },
    }),
    reference: ({ ids: of, dy, dtable }, { cols }) => ({
      dtable: flat(dtable!.shape, (i) => {
        const [row, col] = [Math.floor(i / cols!), i % cols!];
        return of!.data.reduce((sum, id, token) => sum + (id === row ? dy!.data[token * cols! + col]! : 0), dtable!.data[i]!);
      }),
    }),
  },
  {
    name: "reduce/rows",
    dims: { rows: [1, 20], cols: [1, 70], squares: [0, 1], root: [0, 1] },
    edges: [
      { ...rowEdges[0], squares: 1, root: 1 },
      { rows: 7, cols: 9, squares: 0, root: 0, why: "values; a turn and a lane" },
    ],
    plan: ({ rows, cols, squares, root }, facts) =>
      planRowSum({ rows: rows!, cols: cols!, scale: 0.75, squares: squares === 1, root: root === 1 }, facts),
    inputs: (dims) => ({
      x: { ...matrix(dims), draw: (random) => random() - (dims.root === 1 && dims.squares === 0 ? 0 : 0.4) },
    }),
    reference: ({ x }, { rows, cols, squares, root }) => ({
      y: flat([rows!], (row) => {
        let sum = 0;
        for (let c = 0; c < cols!; c++) sum += x!.data[row * cols! + c]! ** (squares ? 2 : 1);
        return root ? Math.sqrt(0.75 * sum) : 0.75 * sum;
      }),
    }),
  },
  {
    name: "reduce/columns",
    dims: { outer: [1, 4], middle: [1, 20], inner: [1, 90], accumulate: [0, 1] },
    edges: [
      { outer: 3, middle: 5, inner: 67, accumulate: 1, why: "four workgroups; added to what is there" },
      { outer: 2, middle: 3, inner: 1, accumulate: 0, why: "one column" },
    ],
    plan: ({ outer, middle, inner, accumulate }, facts) =>
      planColumnSum({ outer: outer!, middle: middle!, inner: inner!, scale: 0.75, accumulate: accumulate === 1 }, facts),
    inputs: ({ outer, middle, inner }) => ({ x: { shape: [outer!, middle!, inner!] }, y: { shape: [outer!, inner!] } }),
    reference: ({ x, y }, { middle, inner, accumulate }) => ({
      y: flat(y!.shape, (i) => {
        let sum = 0;
        for (let m = 0; m < middle!; m++) sum += x!.data[(Math.floor(i / inner!) * middle! + m) * inner! + (i % inner!)]!;
        return 0.75 * sum + (accumulate ? y!.data[i]! : 0);
      }),
    }),
  },
  {
    name: "dropout/dropout",
    dims: { count: [1, 600] },
    edges: [{ count: 517, why: "three workgroups, a tail" }],
    plan: ({ count }, facts) => planDropout({ count: count!, p: P, site: 77 }, facts),
    inputs: ({ count }) => ({ x: { shape: [count!] } }),
    reference: ({ x }, _, state) => ({ y: dropout(x!, P, 77, state) }),
    checksExtremes: true,
  },
  {
    name: "generate/append",
    dims: { sources: [1, 3], group: [1, 3], room: [3, 6], cols: [1, 90], live: [0, 1] },
    edges: [
      { sources: 2, group: 3, room: 3, cols: 67, live: 1, why: "the last place of each; several workgroups" },
      { sources: 3, group: 2, room: 4, cols: 5, live: 0, why: "one place behind the other; lanes beyond the rows" },
    ],
    plan: (dims, facts) => planCacheAppend(appendSizes(dims), facts),
    inputs: (dims) => {
      const { rows, cols, group, region } = appendSizes(dims);
      return { x: { shape: [rows, cols] }, cache: { shape: [rows / group, region, cols] } };
    },
    reference: ({ x, cache }, dims, { past }) => {
      const { rows, cols, group, region, first, step, isLive } = appendSizes(dims);
      const data = cache!.data.slice();
      for (let row = 0; row < rows; row++) {
        const place = Math.floor(row / group) * region + first + (row % group) * step + (isLive ? past : 0);
        for (let c = 0; c < cols; c++) data[place * cols + c] = x!.data[row * cols + c]!;
      }
      return { cache: { shape: cache!.shape, data } };
    },
  },
  {
    name: "generate/top_k",
    dims: { rows: [1, 6], cols: [1, 90], k: [1, 64] },
    edges: [
      { rows: 5, cols: 90, k: 64, why: "the largest k; ties; a row with NaN" },
      { rows: 2, cols: 3, k: 3, why: "all columns, fewer than lanes" },
    ],
    plan: ({ rows, cols, k }, facts) => planTopK({ rows: rows!, cols: cols!, k: Math.min(k!, cols!) }, facts),
    inputs: ({ rows, cols }) => ({
      x: {
        shape: [rows!, cols!],
        // in the third row the largest of all come last: NaN, of which ids tell where they were
        draw: (random, i) =>
          Math.floor(i / cols!) === 2 && i % 7 === 3 ? Number.NaN : [-2.5, -0, 0, 1.5, 7, -1e30][Math.floor(6 * random())]!,
      },
    }),
    reference: ({ x }, { rows, cols, k }) => {
      const count = Math.min(k!, cols!);
      const best = (row: number): number[] => {
        const values = x!.data.subarray(row * cols!, (row + 1) * cols!);
        const rank = (col: number): number => (Number.isNaN(values[col]!) ? Number.POSITIVE_INFINITY : values[col]!);
        const order = (a: number, b: number): number => (rank(a) === rank(b) ? a - b : rank(b) - rank(a));
        return [...values.keys()].sort(order).slice(0, count);
      };
      const columns = Array.from({ length: rows! }, (_, row) => best(row));
      const column = (i: number): number => columns[Math.floor(i / count)]![i % count]!;
      return {
        values: flat([rows!, count], (i) => x!.data[Math.floor(i / count) * cols! + column(i)]!),
        ids: { ...flat([rows!, count], column), dtype: "i32" as const },
      };
    },
  },
  ...[false, true].map(
    (isLast): KernelCase => ({
      name: `reduce/finite, ${isLast ? "one block" : "many blocks"}`,
      dims: { count: isLast ? [1, 300] : [16385, 70_000], broken: [0, 2] },
      edges: (isLast ? [27, 1] : [32768 + 27]).flatMap((count) =>
        [0, 1, 2].map((broken) => ({ count, broken, why: "nothing, an infinity or NaN as the last element" })),
      ),
      plan: ({ count }, facts) => planFinite(count!, facts),
      inputs: ({ count, broken }) => ({
        x: {
          shape: [count!],
          draw: (random, i) => (i < count! - 1 ? random() : [3e38, Number.NEGATIVE_INFINITY, Number.NaN][broken!]!),
        },
      }),
      reference: ({ x }, { count }) => {
        const blocks = Array.from({ length: Math.ceil(count! / 16384) }, (_, i) =>
          x!.data.subarray(16384 * i, 16384 * (i + 1)).every(Number.isFinite),
        );
        const word = (isWell: boolean): number => (isLast ? (isWell ? 0x3f800000 : 0) : isWell ? 0 : 0x7fc00000);
        return { y: { ...flat([blocks.length], (i) => word(blocks[i]!)), dtype: "u32" as const } };
      },
    }),
  ),
  {
    name: "generate/argmax",
    dims: { rows: [1, 9], vocab: [3, 60], capacity: [3, 6] },
    edges: [
      {
        rows: 8,
        vocab: 27,
        capacity: 3,
        why: "ties: the first index wins; a finished row; all logits below zero; NaN; the last eos",
      },
      { rows: 2, vocab: 3, capacity: 4, why: "fewer columns than lanes" },
    ],
    plan: ({ rows, vocab, capacity }, facts) =>
      planArgmax({ rows: rows!, cols: vocab!, capacity: capacity!, ends: 2, pad: 2 }, facts),
    inputs: ({ rows, vocab, capacity }) => ({
      x: {
        shape: [rows!, vocab!],
        // few values, so that ties are common; in some rows the first column is among the largest, in some the last one alone
        draw: (random, i) => {
          const [row, col] = [Math.floor(i / vocab!), i % vocab!];
          if (row === 4 || (row === 3 && col > 1)) return Number.NaN; // a row of nothing else, and one from its third column on
          if (row === 7) return col === 1 ? -0.25 : -2; // the last of the tokens that end a sequence
          if (row % 3 === 0 && col === 0) return -1;
          return row % 3 === 2 && col === vocab! - 1 ? -0.5 : Math.floor(random() * 3) - 3;
        },
      },
      eos: { shape: [2], dtype: "i32", draw: (_, i) => i }, // 0 and 1
      tokens: { shape: [rows!, capacity! + 1], dtype: "i32", draw: (random) => Math.floor(9 * random()) },
      finished: { shape: [rows!], dtype: "i32", draw: (_, row) => (row === 1 ? 1 : 0) },
    }),
    reference: ({ x, tokens, finished }, { rows, vocab, capacity }, { past }) => {
      const chosen = (row: number): number => {
        const values = [...x!.data.subarray(row * vocab!, (row + 1) * vocab!)];
        const broken = values.findIndex(Number.isNaN); // the largest of all, as torch has it
        return finished!.data[row] ? 2 : broken >= 0 ? broken : values.indexOf(Math.max(...values));
      };
      const [width, i32] = [capacity! + 1, { dtype: "i32" } as const];
      return {
        next: { ...flat([rows!], chosen), ...i32 },
        tokens: {
          ...flat(tokens!.shape, (i) => (i % width === past + 1 ? chosen(Math.floor(i / width)) : tokens!.data[i]!)),
          ...i32,
        },
        finished: { ...flat([rows!], (row) => (finished!.data[row] || chosen(row) <= 1 ? 1 : 0)), ...i32 },
      };
    },
  },
];
