import { planRowSum, planSumSquares, sumSquaresBlocks } from "@attune/kernels-wgsl";
import { references } from "@attune/kernels-wgsl/testing";
import { OpContext } from "../../op.js";
import { topK } from "../../ops/decode.js";
import { dropout } from "../../ops/dropout.js";
import { affine } from "../../ops/elementwise.js";
import { embedding, selectRows } from "../../ops/embedding.js";
import { layerNorm, rmsNorm } from "../../ops/norm.js";
import { allFinite } from "../../ops/reduce.js";
import type { CaseInput, OpCase } from "../opCase.js";

const ids = (shape: readonly number[], rows: number): CaseInput => ({
  shape,
  dtype: "i32",
  draw: (random) => Math.floor(random() * (rows + 2)) - 1, // -1 and `rows` lie outside the table
});

export const modelCases: readonly OpCase[] = [
  {
    name: "rmsNorm",
    dims: { rows: [1, 20], cols: [1, 70] },
    edges: [
      { rows: 3, cols: 1, why: "one column" },
      { rows: 2, cols: 27, why: "several turns of the lanes" },
    ],
    inputs: ({ rows, cols }) => [{ shape: [rows!, cols!] }, { shape: [cols!] }],
    run: ([x, w]) => rmsNorm(x!, w!, 1e-3),
    reference: ([x, w]) => references.rmsNorm(x!, w!, 1e-3),
  },
  {
    name: "layerNorm",
    dims: { rows: [1, 20], cols: [2, 70] },
    edges: [
      { rows: 3, cols: 2, why: "two columns" },
      { rows: 2, cols: 27, why: "several turns of the lanes" },
    ],
    inputs: ({ rows, cols }) => [{ shape: [rows!, cols!] }, { shape: [cols!] }, { shape: [cols!] }],
    run: ([x, w, b]) => layerNorm(x!, w!, b!, 1e-2),
    reference: ([x, w, b]) => references.layerNorm(x!, w!, b!, 1e-2),
    bounds: { output: 2e-5, gradient: 2e-3, why: "1/sqrt(variance) of two near columns magnifies rounding" },
  },
  ...(["f32", "bf16", "f16"] as const).map(
    (dtype): OpCase => ({
      name: `embedding, ${dtype}`,
      dims: { rows: [1, 12], cols: [1, 40], tokens: [1, 30] },
      edges: [
        { rows: 2, cols: 33, tokens: 9, why: "tokens repeat" },
        { rows: 2, cols: 34, tokens: 30, why: "ids outside the table give zeros, whatever lies behind it" },
      ],
      inputs: ({ rows, cols, tokens }) => [{ shape: [rows!, cols!], dtype, isConstant: dtype !== "f32" }, ids([tokens!], rows!)],
      run: ([table, tokens]) => embedding(table!, tokens!),
      reference: ([table, tokens]) => references.embedding(table!, tokens!),
      isForwardOnly: dtype !== "f32",
    }),
  ),
  {
    name: "embedding of a computed table",
    dims: { rows: [1, 8], cols: [1, 20], tokens: [1, 12] },
    edges: [{ rows: 3, cols: 5, tokens: 6, why: "the first sum starts in fresh memory" }],
    inputs: ({ rows, cols, tokens }) => [{ shape: [rows!, cols!] }, ids([tokens!], rows!)],
    run: ([table, tokens]) => embedding(affine(table!, 2), tokens!),
    reference: ([table, tokens]) => references.map(references.embedding(table!, tokens!), (v) => 2 * v),
  },
  {
    name: "selectRows",
    dims: { rows: [1, 20], cols: [1, 20], step: [1, 4] },
    edges: [{ rows: 7, cols: 5, step: 3, why: "rows that are left out, and padding" }],
    // every step-th row, the last first, and one index of padding
    inputs: ({ rows, cols, step }) => {
      const count = Math.ceil(rows! / step!);
      return [
        { shape: [rows!, cols!] },
        { shape: [count + 1], dtype: "i32", draw: (_, i) => (i < count ? (count - 1 - i) * step! : -1) },
        { shape: [rows!], dtype: "i32", draw: (_, i) => (i % step! === 0 ? count - 1 - i / step! : -1) },
      ];
    },
    run: ([x, indices, inverse]) => selectRows(x!, indices!, inverse!),
    reference: ([x, indices]) => references.embedding(x!, indices!),
  },
  {
    name: "dropout",
    dims: { size: [1, 200] },
    edges: [{ size: 7, why: "a tail" }],
    inputs: ({ size }) => [{ shape: [size!] }],
    run: ([x], _, state) => dropout(x!, { p: 0.3, site: 77, state }),
    reference: ([x], _, state) => references.dropout(x!, 0.3, 77, state),
  },
  {
    name: "norm of an arena",
    dims: { size: [1, 400] },
    edges: [{ size: 40_000, why: "several blocks" }],
    inputs: ({ size }) => [{ shape: [4 * size!] }],
    run: ([x]) => {
      const ctx = new OpContext(x!.device, "norm");
      const partial = ctx.empty([sumSquaresBlocks(x!.size), 2]); // sum of squares, and whether one is not finite
      ctx.run(planSumSquares({ count: x!.size, first: 0 }, ctx.facts), { x: x!, partial });
      return affine(partial, 1 / 16384);
    },
    reference: ([x]) => {
      const blocks = Math.ceil(x!.data.length / 16384);
      const sumOf = (block: number): number =>
        x!.data.subarray(16384 * block, 16384 * (block + 1)).reduce((total, v) => total + v * v, 0);
      return references.fill([blocks, 2], (block, what) => (what === 0 ? sumOf(block!) / 16384 : 0));
    },
    isForwardOnly: true,
  },
  {
    name: "sum of squares by rows",
    dims: { rows: [1, 6], cols: [1, 60] },
    edges: [{ rows: 2, cols: 9, why: "more columns than lanes" }],
    inputs: ({ rows, cols }) => [{ shape: [rows!, cols!] }],
    run: ([x], { rows, cols }) => {
      const ctx = new OpContext(x!.device, "sum of squares");
      const y = ctx.empty([rows!]);
      ctx.run(planRowSum({ rows: rows!, cols: cols!, squares: true, scale: 0.5 }, ctx.facts), { x: x!, y });
      return y;
    },
    reference: ([x]) =>
      references.sumAxis(
        references.map(x!, (v) => v * v),
        1,
        0.5,
      ),
    isForwardOnly: true,
  },
  ...([0, Number.NaN, Number.NEGATIVE_INFINITY] as const).map(
    (broken): OpCase => ({
      name: `allFinite, the last element ${broken}`,
      dims: { size: [1, 300] },
      edges: [
        { size: 5, why: "a tail" },
        { size: 40_001, why: "several blocks, two rounds" },
      ],
      inputs: ({ size }) => [{ shape: [size!], draw: (random, i) => (i === size! - 1 ? broken : random()) }],
      run: ([x]) => allFinite(x!),
      reference: ([x]) => ({ shape: [], data: Float64Array.of(x!.data.every(Number.isFinite) ? 1 : 0) }),
      isForwardOnly: true,
    }),
  ),
  ...(["values", "ids"] as const).map(
    (what): OpCase => ({
      name: `topK: ${what}`,
      dims: { rows: [1, 5], cols: [1, 60], k: [1, 64] },
      edges: [
        { rows: 3, cols: 70, k: 64, why: "as many as there may be, most of them ties" },
        { rows: 2, cols: 3, k: 64, why: "k cut down to all columns" },
      ],
      // few distinct values, so that ties are common; of both signs and both zeros
      inputs: ({ rows, cols }) => [
        {
          shape: [rows!, cols!],
          draw: (random) => [-2.5, -0, 0, 1.5, 7, -1e30][Math.floor(random() * 6)]!,
        },
        { shape: [80, 1], draw: (_, i) => i, isConstant: true },
      ],
      run: ([x, identity], { cols, k }) => {
        const found = topK(x!, Math.min(k!, cols!));
        return what === "values" ? found.values : embedding(identity!, found.ids); // ids as floats
      },
      reference: ([x], { rows, cols, k }) => {
        const count = Math.min(k!, cols!);
        const best = (row: number): number[] =>
          Array.from({ length: cols! }, (_, col) => col)
            .sort((a, b) => Math.sign(references.at(x!, row, b) - references.at(x!, row, a)) || a - b)
            .slice(0, count);
        if (what === "ids") return references.fill([rows!, count, 1], (row, i) => best(row!)[i!]!);
        return references.fill([rows!, count], (row, i) => references.at(x!, row!, best(row!)[i!]!));
      },
      isForwardOnly: true,
    }),
  ),
];
