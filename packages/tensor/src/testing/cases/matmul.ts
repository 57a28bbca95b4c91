import { references } from "@attune/kernels-wgsl/testing";
import { linear, matmul } from "../../ops/matmul.js";
import { softmax } from "../../ops/softmax.js";
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

export const matmulCases: readonly OpCase[] = [
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
];
