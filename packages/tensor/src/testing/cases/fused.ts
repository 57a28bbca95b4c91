// Shapes of programs that the passes rewrite: their kernels run in the harness's fused run and nowhere else.
import { references } from "@attune/kernels-wgsl/testing";
import { dropout } from "../../ops/dropout.js";
import { add, affine, geluNew, mul, relu, tanh } from "../../ops/elementwise.js";
import { linear } from "../../ops/matmul.js";
import { layerNorm, rmsNorm } from "../../ops/norm.js";
import type { CaseInput, Dims, OpCase } from "../opCase.js";

const { map, zip, scalarFunctions } = references;
const matrix = ({ rows, cols }: Dims): CaseInput => ({ shape: [rows!, cols!] });
const rowDims = { rows: [1, 12], cols: [2, 70] } as const;

export const fusedCases: readonly OpCase[] = [
  {
    name: "residual around rmsNorm",
    dims: rowDims,
    edges: [{ rows: 3, cols: 27, why: "several turns of the lanes" }],
    inputs: (dims) => [matrix(dims), matrix(dims), { shape: [dims.cols!] }],
    run: ([a, b, w]) => {
      const h = add(a!, b!, 0.5);
      return add(h, rmsNorm(h, w!, 1e-3));
    },
    reference: ([a, b, w]) => {
      const h = zip(a!, b!, (u, v) => u + 0.5 * v);
      return zip(h, references.rmsNorm(h, w!, 1e-3), (u, v) => u + v);
    },
  },
  {
    name: "residual around layerNorm",
    dims: { rows: [1, 12], cols: [3, 70] },
    edges: [{ rows: 3, cols: 27, why: "several turns of the lanes" }],
    inputs: (dims) => [matrix(dims), matrix(dims), { shape: [dims.cols!] }, { shape: [dims.cols!] }],
    run: ([a, b, w, shift]) => {
      const h = add(a!, b!, 0.5);
      return add(h, layerNorm(h, w!, shift!, 1e-2));
    },
    reference: ([a, b, w, shift]) => {
      const h = zip(a!, b!, (u, v) => u + 0.5 * v);
      return zip(h, references.layerNorm(h, w!, shift!, 1e-2), (u, v) => u + v);
    },
    bounds: { output: 2e-5, gradient: 2e-3, why: "1/sqrt(variance) of near columns magnifies rounding" },
  },
  {
    name: "gate, dropout and residual",
    dims: { size: [1, 300] },
    edges: [{ size: 7, why: "a tail" }],
    inputs: ({ size }) => [{ shape: [size!] }, { shape: [size!] }, { shape: [size!] }],
    run: ([h, x, gate], _, state) => add(h!, dropout(mul(geluNew(x!), gate!), { p: 0.3, site: 5, state })),
    reference: ([h, x, gate], _, state) => {
      const gated = zip(map(x!, scalarFunctions.geluNew), gate!, (u, v) => u * v);
      return zip(h!, references.dropout(gated, 0.3, 5, state), (u, v) => u + v);
    },
  },
  {
    name: "chain with a row and one value",
    dims: { rows: [1, 9], fours: [1, 9] },
    edges: [{ rows: 3, fours: 5, why: "the row repeats within a workgroup" }],
    inputs: ({ rows, fours }) => [{ shape: [rows!, 4 * fours!] }, { shape: [4 * fours!] }, { shape: [1] }],
    run: ([x, row, one]) => tanh(mul(add(affine(x!, 1.5), row!), one!)),
    reference: ([x, row, one], { fours }) => ({
      shape: x!.shape,
      data: x!.data.map((v, i) => Math.tanh((1.5 * v + row!.data[i % (4 * fours!)]!) * one!.data[0]!)),
    }),
  },
  {
    name: "linear with bias, relu and residual",
    dims: { rows: [1, 9], fours: [1, 6], outFours: [1, 6] },
    edges: [
      { rows: 3, fours: 2, outFours: 3, why: "a partial tile" },
      { rows: 34, fours: 2, outFours: 9, why: "several tiles" },
    ],
    inputs: ({ rows, fours, outFours }) => [
      { shape: [rows!, 4 * fours!] },
      { shape: [4 * outFours!, 4 * fours!] },
      { shape: [4 * outFours!], draw: (random) => (random() < 0.5 ? 30 : -30) }, // away from relu's kink
      { shape: [rows!, 4 * outFours!] },
    ],
    run: ([x, w, bias, residual]) => add(residual!, relu(add(linear(x!, w!), bias!))),
    reference: ([x, w, bias, residual]) => {
      const product = references.linear(x!, w!);
      const cols = bias!.data.length;
      const data = product.data.map((v, i) => residual!.data[i]! + Math.max(0, v + bias!.data[i % cols]!));
      return { shape: product.shape, data };
    },
  },
];
