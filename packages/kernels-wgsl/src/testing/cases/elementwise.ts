import {
  BINARY_OPS,
  planAccumulate,
  planBinary,
  planBroadcast,
  planMaxBackward,
  planUnary,
  planUnaryBackward,
  UNARY_OPS,
} from "../../elementwise/plan.js";
import type { KernelCase } from "../kernelCase.js";
import { map, scalarFunctions } from "../references.js";
import { flat, offZero, positive, wide } from "./common.js";

type Function = keyof typeof scalarFunctions;
const domain: Partial<Record<Function, (random: () => number) => number>> = {
  relu: offZero, log: positive, sqrt: positive, reciprocal: positive, geluNew: wide(3), tanh: wide(3), sigmoid: wide(4),
}; // biome-ignore format: a line
const huge: readonly string[] = ["relu", "geluNew", "tanh", "sigmoid"];

/** Derivatives by hand, in f64. */
const slopes: Readonly<Record<Function, (x: number) => number>> = {
  relu: (x) => (x > 0 ? 1 : 0),
  geluNew: (x) => {
    const c = Math.sqrt(2 / Math.PI);
    const t = Math.tanh(c * (x + 0.044715 * x ** 3));
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
  },
  exp: Math.exp,
  log: (x) => 1 / x,
  sqrt: (x) => 0.5 / Math.sqrt(x),
  tanh: (x) => 1 - Math.tanh(x) ** 2,
  square: (x) => 2 * x,
  reciprocal: (x) => -1 / (x * x),
  sigmoid: (x) => Math.exp(-x) / (1 + Math.exp(-x)) ** 2,
};

const counted = {
  dims: { count: [1, 1200] },
  edges: [
    { count: 1027, why: "five workgroups, the last one with a part of a vec4" },
    { count: 3, why: "less than a vec4, of both signs" },
  ],
} as const;

const binaryFunctions: Readonly<Record<keyof typeof BINARY_OPS, (a: number, b: number) => number>> = {
  add: (a, b) => a + 0.75 * b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  max: Math.max,
};

const functions = Object.keys(scalarFunctions) as Function[];
const operations = Object.keys(BINARY_OPS) as (keyof typeof BINARY_OPS)[];

export const elementwiseCases: readonly KernelCase[] = [
  ...functions.map((op): KernelCase => {
    return {
      name: `elementwise/unary, ${op}`,
      ...counted,
      plan: ({ count }, facts) => planUnary({ op, count: count! }, facts),
      inputs: ({ count }) => ({ x: { shape: [count!], ...(domain[op] ? { draw: domain[op] } : {}) } }),
      reference: ({ x }) => ({ y: map(x!, scalarFunctions[op]) }),
      checksExtremes: huge.includes(op),
    };
  }),
  {
    name: "elementwise/unary, affine",
    ...counted,
    plan: ({ count }, facts) => planUnary({ op: "affine", count: count!, alpha: -2.5, beta: 0.75 }, facts),
    inputs: ({ count }) => ({ x: { shape: [count!] } }),
    reference: ({ x }) => ({ y: map(x!, (v) => -2.5 * v + 0.75) }),
  },
  ...functions.map((op): KernelCase => {
    return {
      name: `elementwise/unary_backward, ${op}`,
      ...counted,
      plan: ({ count }, facts) => planUnaryBackward({ op, count: count! }, facts),
      inputs: ({ count }) => ({ x: { shape: [count!], ...(domain[op] ? { draw: domain[op] } : {}) }, dy: { shape: [count!] } }),
      reference: ({ x, dy }) => ({ dx: flat(x!.shape, (i) => slopes[op](x!.data[i]!) * dy!.data[i]!) }),
      checksExtremes: huge.includes(op),
    };
  }),
  ...operations.map((op): KernelCase => {
    const draw = op === "div" ? { draw: positive } : {};
    return {
      name: `elementwise/binary, ${op}`,
      ...counted,
      plan: ({ count }, facts) => planBinary({ op, count: count!, alpha: 0.75 }, facts),
      inputs: ({ count }) => ({ a: { shape: [count!], ...draw }, b: { shape: [count!], ...draw } }),
      reference: ({ a, b }) => ({ y: flat(a!.shape, (i) => binaryFunctions[op](a!.data[i]!, b!.data[i]!)) }),
      checksExtremes: op === "max",
    };
  }),
  ...operations.map((op): KernelCase => {
    const draw = op === "div" ? { draw: positive } : {};
    // which axes repeat: bits 0 to 3 of a's, 4 to 7 of b's
    const stridesOf = (shape: readonly number[], bits: number) => {
      const lengths = shape.map((length, axis) => ((bits >> axis) & 1 ? 1 : length)) as [number, number, number, number];
      const dense = lengths.map((_, axis) => lengths.slice(axis + 1).reduce((product, length) => product * length, 1));
      const strides = dense.map((stride, axis) => ((bits >> axis) & 1 ? 0 : stride)) as [number, number, number, number];
      return { count: lengths.reduce((product, length) => product * length, 1), strides };
    };
    const shapeOf = ({ d0, d1, d2, d3 }: Readonly<Record<string, number>>) => [d0!, d1!, d2!, d3!] as const;
    const layout = (dims: Readonly<Record<string, number>>) => {
      const shape = shapeOf(dims);
      return { shape, a: stridesOf(shape, dims.repeats! % 16), b: stridesOf(shape, Math.floor(dims.repeats! / 16)) };
    };
    return {
      name: `elementwise/broadcast, ${op}`,
      dims: { d0: [1, 4], d1: [1, 5], d2: [1, 5], d3: [1, 9], repeats: [0, 255] },
      edges: [
        { d0: 2, d1: 3, d2: 5, d3: 9, repeats: 0x25, why: "several workgroups; each operand repeats other axes" },
        { d0: 3, d1: 2, d2: 4, d3: 7, repeats: 0x8a, why: "the other axes" },
        { d0: 1, d1: 1, d2: 3, d3: 5, repeats: 0, why: "no axis repeats" },
      ],
      plan: (dims, facts) => {
        const { shape, a, b } = layout(dims);
        return planBroadcast({ op, shape, aStrides: a.strides, bStrides: b.strides, alpha: 0.75 }, facts);
      },
      inputs: (dims) => {
        const { a, b } = layout(dims);
        return { a: { shape: [a.count], ...draw }, b: { shape: [b.count], ...draw } };
      },
      reference: ({ a, b }, dims) => {
        const { shape, a: ofA, b: ofB } = layout(dims);
        const [, d1, d2, d3] = shape;
        const pick = (values: Float64Array, [s0, s1, s2, s3]: readonly number[], i: number): number =>
          values[
            Math.floor(i / (d1 * d2 * d3)) * s0! +
              (Math.floor(i / (d2 * d3)) % d1) * s1! +
              (Math.floor(i / d3) % d2) * s2! +
              (i % d3) * s3!
          ]!;
        return { y: flat(shape, (i) => binaryFunctions[op](pick(a!.data, ofA.strides, i), pick(b!.data, ofB.strides, i))) };
      },
    };
  }),
  {
    name: "elementwise/accumulate",
    ...counted,
    plan: ({ count }, facts) => planAccumulate({ count: count!, alpha: 0.5 }, facts),
    // y may be longer: what lies behind the count keeps its values
    inputs: ({ count }) => ({ x: { shape: [count!] }, y: { shape: [count! + 5] } }),
    reference: ({ x, y }) => ({ y: flat(y!.shape, (i) => y!.data[i]! + 0.5 * (x!.data[i] ?? 0)) }),
  },
  {
    name: "elementwise/max_backward",
    ...counted,
    plan: ({ count }, facts) => planMaxBackward({ count: count! }, facts),
    inputs: ({ count }) => {
      const few = (random: () => number): number => Math.floor(3 * random()) - 1; // ties are common
      return { a: { shape: [count!], draw: few }, b: { shape: [count!], draw: few }, dy: { shape: [count!] } };
    },
    reference: ({ a, b, dy }) => ({
      da: flat(a!.shape, (i) => {
        const [u, v] = [a!.data[i]!, b!.data[i]!];
        return u > v ? dy!.data[i]! : u === v ? dy!.data[i]! / 2 : 0;
      }),
    }),
  },
];

/** Every operation that has a number has a case. */
export const elementwiseOps = { unary: Object.keys(UNARY_OPS), binary: operations };
