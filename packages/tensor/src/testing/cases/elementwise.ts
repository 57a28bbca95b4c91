import { references } from "@attune/kernels-wgsl/testing";
import {
  accumulateInto,
  add,
  affine,
  div,
  exp,
  geluNew,
  log,
  maximum,
  mul,
  reciprocal,
  relu,
  sigmoid,
  sqrt,
  square,
  sub,
  tanh,
} from "../../ops/elementwise.js";
import { mean, reshape, sum } from "../../ops/reduce.js";
import type { OpCase } from "../opCase.js";

const { map, zip, scalarFunctions } = references;
const unaryFunctions = { relu, geluNew, exp, log, sqrt, tanh, square, reciprocal, sigmoid };
const binaryFunctions = { add, sub, mul, div, maximum };

const positive = (random: () => number): number => 0.2 + random();
/** Away from 0, where relu has a kink that no finite difference likes. */
const offZero = (random: () => number): number => (random() < 0.5 ? -1 : 1) * (0.1 + 2 * random());

const unary = (name: keyof typeof scalarFunctions, draw?: (random: () => number) => number, checksExtremes = false): OpCase => ({
  name,
  dims: { rows: [1, 9], cols: [1, 70] },
  edges: [
    { rows: 1, cols: 3, why: "a part of a vec4, of both signs" },
    { rows: 3, cols: 43, why: "no multiple of 4" },
  ],
  inputs: ({ rows, cols }) => [{ shape: [rows!, cols!], draw }],
  run: ([x]) => unaryFunctions[name](x!),
  reference: ([x]) => map(x!, scalarFunctions[name]),
  checksExtremes,
});

const binary = (name: "add" | "sub" | "mul" | "div" | "maximum", f: (u: number, v: number) => number): OpCase => ({
  name,
  dims: { a: [1, 5], b: [1, 6], c: [1, 9], kind: [0, 3] },
  edges: [
    { a: 2, b: 3, c: 5, kind: 0, why: "equal shapes" },
    { a: 2, b: 3, c: 5, kind: 1, why: "a row for all" },
    { a: 4, b: 1, c: 1, kind: 2, why: "both sides broadcast" },
    { a: 3, b: 4, c: 8, kind: 3, why: "one value for all" },
  ],
  inputs: ({ a, b, c, kind }) => {
    const draw = name === "div" ? positive : undefined;
    const left = kind === 2 ? [a!, 1, c!] : [a!, b!, c!];
    const right = [[a!, b!, c!], [c!], [b!, 1], [1]][kind!]!;
    return [
      { shape: left, draw },
      { shape: right, draw: name === "maximum" ? (random) => random() * 2 - 1 + 1e-3 : draw },
    ];
  },
  run: ([x, y]) => binaryFunctions[name](x!, y!),
  reference: ([x, y]) => zip(x!, y!, f),
});

export const elementwiseCases: readonly OpCase[] = [
  unary("relu", offZero, true),
  unary("geluNew", (random) => 6 * random() - 3, true),
  unary("exp"),
  unary("log", positive),
  unary("sqrt", positive),
  unary("tanh", (random) => 6 * random() - 3, true),
  unary("square"),
  unary("reciprocal", positive),
  unary("sigmoid", (random) => 8 * random() - 4, true),
  {
    name: "affine",
    dims: { size: [1, 300] },
    edges: [{ size: 5, why: "a tail of one" }],
    inputs: ({ size }) => [{ shape: [size!] }],
    run: ([x]) => affine(x!, -2.5, 0.75),
    reference: ([x]) => map(x!, (v) => -2.5 * v + 0.75),
  },
  binary("add", (u, v) => u + v),
  binary("sub", (u, v) => u - v),
  binary("mul", (u, v) => u * v),
  binary("div", (u, v) => u / v),
  binary("maximum", Math.max),
  {
    name: "maximum at ties",
    dims: { size: [1, 20] },
    edges: [{ size: 4, why: "every element ties" }],
    inputs: ({ size }) => [{ shape: [size!] }],
    // max(x, x + 0): both operands share the gradient, which must come back whole
    run: ([x]) => maximum(x!, affine(x!, 1)),
    reference: ([x]) => x!,
  },
  {
    name: "second use of a tensor",
    dims: { size: [1, 40] },
    edges: [{ size: 7, why: "x reaches the result along four ways" }],
    inputs: ({ size }) => [{ shape: [size!] }],
    run: ([x]) => add(mul(x!, x!), sub(affine(x!, 3), x!)),
    reference: ([x]) => map(x!, (v) => v * v + 2 * v),
  },
  {
    name: "accumulateInto",
    dims: { size: [1, 90] },
    edges: [{ size: 6, why: "the tail of the last vec4 keeps its values" }],
    inputs: ({ size }) => [{ shape: [size!] }, { shape: [size!] }],
    run: ([x, y]) => {
      accumulateInto(x!, y!, 0.5);
      return affine(y!, 2); // y itself is the input
    },
    reference: ([x, y]) => zip(x!, y!, (u, v) => 2 * (v + 0.5 * u)),
    isForwardOnly: true,
  },
  ...([null, 0, 1, 2] as const).map(
    (axis): OpCase => ({
      name: axis === null ? "sum" : `sum over axis ${axis}`,
      dims: { a: [1, 6], b: [1, 20], c: [1, 90] },
      edges: [
        { a: 1, b: 1, c: 1, why: "one value" },
        { a: 2, b: 3, c: 67, why: "wider than a workgroup" },
      ],
      inputs: ({ a, b, c }) => [{ shape: [a!, b!, c!] }],
      run: ([x]) => sum(x!, axis),
      reference: ([x]) => references.sumAxis(x!, axis),
    }),
  ),
  {
    name: "mean of a reshaped tensor",
    dims: { a: [1, 6], b: [1, 9] },
    edges: [{ a: 2, b: 3, why: "rows become columns" }],
    inputs: ({ a, b }) => [{ shape: [a!, b!] }],
    run: ([x], { a, b }) => mean(reshape(x!, [b!, a!]), 0),
    reference: ([x], { a, b }) => references.sumAxis({ shape: [b!, a!], data: x!.data }, 0, 1 / b!),
  },
];
