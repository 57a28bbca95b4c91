import type { MatmulLayout, MatmulStorage } from "@attune/kernels-wgsl";
import { references } from "@attune/kernels-wgsl/testing";
import { OpContext } from "../../op.js";
import { linear, matmul, runMatmul } from "../../ops/matmul.js";
import { logSoftmax, softmax } from "../../ops/softmax.js";
import type { OpCase } from "../opCase.js";

/** Sums of up to 100 products of numbers below 1: errors grow with the count of terms. */
const sums = { output: 1e-5, gradient: 1e-3, why: "sums of up to 100 products" };

const linearCase = (name: string, dtype: "f32" | "bf16" | "f16", inFours: boolean): OpCase => {
  const of = (size: number): number => (inFours ? 4 * Math.ceil(size / 4) : size);
  return {
    name,
    dims: { rows: [1, 40], inputs: [1, 70], outputs: [1, 70] },
    edges: [
      { rows: 1, inputs: 1, outputs: 1, why: "the least" },
      { rows: 33, inputs: 36, outputs: 68, why: "a tile and a bit in both directions" },
      { rows: 8, inputs: 64, outputs: 32, why: "the small tile exactly" },
      { rows: 2, inputs: 72, outputs: 20, why: "few rows: lanes over k, beyond one turn of them" },
      { rows: 33, inputs: 35, outputs: 67, why: "packed where sizes are odd: several panels, their last ones with an edge" },
    ],
    inputs: ({ rows, inputs, outputs }) => [
      { shape: [rows!, of(inputs!)] },
      { shape: [of(outputs!), of(inputs!)], dtype, isConstant: dtype !== "f32" },
    ],
    run: ([x, w]) => linear(x!, w!),
    reference: ([x, w]) => references.linear(x!, w!),
    bounds: sums,
  };
};

/**
 * What ops reach only by fusion or not at all: every epilogue, a scale, two batch axes, halves on both sides, in each layout.
 * c [outer 2, inner, m, n] is the last input and written in place.
 */
const callCase = (layout: MatmulLayout, aStorage: MatmulStorage, bStorage: MatmulStorage): OpCase => ({
  name: `matmul call ${layout}, ${aStorage} and ${bStorage}`,
  dims: {
    m: [1, 40],
    n: [1, 40],
    k: [1, 40],
    inner: [1, 2],
    bias: [0, 1],
    activation: [0, 2],
    residual: [0, 1],
    accumulate: [0, 1],
  },
  edges: [
    {
      m: 68,
      n: 68,
      k: 8,
      inner: 2,
      bias: 1,
      activation: 2,
      residual: 1,
      accumulate: 1,
      why: "all of it; large tiles, halves packed",
    },
    { m: 12, n: 28, k: 12, inner: 2, bias: 1, activation: 2, residual: 0, accumulate: 0, why: "tiles of few rows" },
    { m: 2, n: 12, k: 72, inner: 2, bias: 1, activation: 2, residual: 1, accumulate: 1, why: "lanes over k" },
    { m: 35, n: 37, k: 9, inner: 2, bias: 1, activation: 2, residual: 1, accumulate: 1, why: "packed odd sizes" },
    { m: 3, n: 5, k: 7, inner: 2, bias: 1, activation: 2, residual: 1, accumulate: 1, why: "plain" },
  ],
  inputs: ({ m, n, k, inner }) => [
    { shape: layout === "tn" ? [2, inner!, k!, m!] : [2, inner!, m!, k!], dtype: aStorage },
    { shape: layout === "nt" ? [2, inner!, n!, k!] : [2, inner!, k!, n!], dtype: bStorage },
    { shape: [n!] },
    { shape: [2, inner!, m!, n!] },
    { shape: [2, inner!, m!, n!] },
  ],
  run: ([a, b, bias, residual, c], { m, n, k, inner, ...flags }) => {
    const place = (rows: number, cols: number) => ({
      rowStride: cols,
      outerStride: inner! * rows * cols,
      innerStride: rows * cols,
    });
    const epilogue = {
      bias: flags.bias === 1,
      residual: flags.residual === 1,
      ...(flags.activation ? { activation: (["relu", "geluNew"] as const)[flags.activation - 1]! } : {}),
    };
    const sizes = {
      layout, m: m!, n: n!, k: k!, outer: 2, inner: inner!, aStorage, bStorage, epilogue, alpha: 0.75, accumulate: flags.accumulate === 1,
      a: layout === "tn" ? place(k!, m!) : place(m!, k!), b: layout === "nt" ? place(n!, k!) : place(k!, n!), c: place(m!, n!),
    }; // biome-ignore format: few lines
    return runMatmul(new OpContext(c!.device, "matmul case"), sizes, { a: a!, b: b!, bias: bias!, residual: residual!, c: c! });
  },
  reference: ([a, b, bias, residual, c], { inner: _, ...flags }) =>
    references.matmulCall(layout, a!, b!, bias!, residual!, c!, 0.75, flags),
  isForwardOnly: true,
  bounds: sums,
});

export const matmulCases: readonly OpCase[] = [
  callCase("nt", "f32", "f32"),
  callCase("nn", "f32", "f32"),
  callCase("nn", "f32", "bf16"),
  callCase("tn", "f32", "f32"),
  callCase("nt", "f16", "f16"),
  linearCase("linear", "f32", true),
  linearCase("linear, odd sizes", "f32", false),
  linearCase("linear, bf16 weight", "bf16", true),
  linearCase("linear, f16 weight", "f16", true),
  linearCase("linear, bf16 weight of odd sizes", "bf16", false),
  {
    name: "matmul",
    dims: { batch: [1, 3], m: [1, 20], n: [1, 20], k: [1, 40] },
    edges: [
      { batch: 2, m: 4, n: 8, k: 12, why: "fours everywhere" },
      { batch: 2, m: 35, n: 37, k: 9, why: "panels of several matrices" },
    ],
    inputs: ({ batch, m, n, k }) => [{ shape: [batch!, m!, k!] }, { shape: [batch!, k!, n!] }],
    run: ([a, b]) => matmul(a!, b!),
    reference: ([a, b]) => references.matmul(a!, b!),
    bounds: sums,
  },
  {
    name: "matmul with a shared operand",
    dims: { batch: [1, 3], m: [1, 20], n: [1, 20], k: [1, 40] },
    edges: [{ batch: 3, m: 12, n: 36, k: 16, why: "the batch becomes rows" }],
    inputs: ({ batch, m, n, k }) => [{ shape: [batch!, m!, k!] }, { shape: [k!, n!] }],
    run: ([a, b]) => matmul(a!, b!),
    reference: ([a, b]) => references.matmul(a!, b!),
    bounds: sums,
  },
  {
    name: "a weight used twice",
    dims: { rows: [1, 10], size: [1, 12] },
    edges: [{ rows: 5, size: 8, why: "the second gradient is added by the matmul itself" }],
    inputs: ({ rows, size }) => [{ shape: [rows!, size!] }, { shape: [size!, size!] }],
    run: ([x, w]) => linear(linear(x!, w!), w!),
    reference: ([x, w]) => references.linear(references.linear(x!, w!), w!),
    bounds: sums,
  },
  {
    name: "softmax",
    dims: { rows: [1, 20], cols: [1, 70] },
    edges: [
      { rows: 3, cols: 1, why: "one column" },
      { rows: 2, cols: 27, why: "several turns of the lanes" },
    ],
    inputs: ({ rows, cols }) => [{ shape: [rows!, cols!], draw: (random) => 8 * random() - 4 }],
    run: ([x]) => softmax(x!),
    reference: ([x]) => references.softmaxRows(x!),
    checksExtremes: true,
  },
  {
    name: "logSoftmax",
    dims: { rows: [1, 20], cols: [1, 70] },
    edges: [
      { rows: 3, cols: 1, why: "one column" },
      { rows: 2, cols: 27, why: "several turns of the lanes" },
    ],
    inputs: ({ rows, cols }) => [{ shape: [rows!, cols!], draw: (random) => 8 * random() - 4 }],
    run: ([x]) => logSoftmax(x!),
    reference: ([x]) => references.map(references.softmaxRows(x!), Math.log),
    checksExtremes: true,
  },
];
