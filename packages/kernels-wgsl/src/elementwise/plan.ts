import { type DeviceFacts, spread } from "../facts.js";
import {
  elementwiseAccumulate,
  elementwiseBinary,
  elementwiseBroadcast,
  elementwiseMaxBackward,
  elementwiseUnary,
  elementwiseUnaryBackward,
} from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import { byQuads, type SplitAxis } from "../split/axes.js";
import { each, type PointwiseOp, readingOf } from "./pointwise.js";

/** Numbers of OP in unary.wgsl. affine is alpha * x + beta. */
export const UNARY_OPS = {
  affine: 0,
  relu: 1,
  geluNew: 2,
  exp: 3,
  log: 4,
  sqrt: 5,
  tanh: 6,
  square: 7,
  reciprocal: 8,
  sigmoid: 9,
} as const;
export type UnaryOp = keyof typeof UNARY_OPS;
/** Numbers of OP in binary.wgsl. add is a + alpha * b. */
export const BINARY_OPS = { add: 0, mul: 1, div: 2, max: 3 } as const;
export type BinaryOp = keyof typeof BINARY_OPS;

const quadsOf = (count: number): number => Math.ceil(count / 4);
const groupsOf = (quads: number, facts: DeviceFacts): [number, number, number] => spread(Math.ceil(quads / 64), facts);

export interface UnarySizes {
  op: UnaryOp;
  count: number;
  alpha?: number;
  beta?: number;
}

/** y = f(x) */
export function planUnary({ op, count, alpha = 1, beta = 0 }: UnarySizes, facts: DeviceFacts): KernelCall {
  const quads = quadsOf(count);
  return {
    kernel: elementwiseUnary,
    variant: { OP: `${UNARY_OPS[op]}u` },
    params: { quads, alpha, beta },
    workgroups: groupsOf(quads, facts),
    reason: "four elements a lane",
    flops: count,
    bytes: 8 * count,
    pointwise: { op, count, operands: each("x"), result: "y", numbers: op === "affine" ? { alpha, beta } : {} },
    ...byQuads(count, ["x", "y"], (part) => planUnary({ op, count: part, alpha, beta }, facts)),
  };
}

/** The names that unary backward goes by among the formulas. */
const SLOPES = {
  relu: "dRelu",
  geluNew: "dGeluNew",
  exp: "dExp",
  log: "dLog",
  sqrt: "dSqrt",
  tanh: "dTanh",
  square: "dSquare",
  reciprocal: "dReciprocal",
  sigmoid: "dSigmoid",
} as const satisfies Record<Exclude<UnaryOp, "affine">, PointwiseOp>;

/** dx = f'(x) * dy; affine has none of its own, its backward is affine again */
export function planUnaryBackward(
  { op, count }: { op: Exclude<UnaryOp, "affine">; count: number },
  facts: DeviceFacts,
): KernelCall {
  const quads = quadsOf(count);
  return {
    kernel: elementwiseUnaryBackward,
    variant: { OP: `${UNARY_OPS[op]}u` },
    params: { quads },
    workgroups: groupsOf(quads, facts),
    reason: "four elements a lane",
    flops: 2 * count,
    bytes: 12 * count,
    pointwise: { op: SLOPES[op], count, operands: each("x", "dy"), result: "dx", numbers: {} },
    ...byQuads(count, ["x", "dy", "dx"], (part) => planUnaryBackward({ op, count: part }, facts)),
  };
}

/** y = a OP b, equal shapes */
export function planBinary(
  { op, count, alpha = 1 }: { op: BinaryOp; count: number; alpha?: number },
  facts: DeviceFacts,
): KernelCall {
  const quads = quadsOf(count);
  return {
    kernel: elementwiseBinary,
    variant: { OP: `${BINARY_OPS[op]}u` },
    params: { quads, alpha },
    workgroups: groupsOf(quads, facts),
    reason: "equal shapes: four elements a lane",
    flops: count,
    bytes: 12 * count,
    pointwise: { op, count, operands: each("a", "b"), result: "y", numbers: op === "add" ? { alpha } : {} },
    ...byQuads(count, ["a", "b", "y"], (part) => planBinary({ op, count: part, alpha }, facts)),
  };
}

type Four = readonly [number, number, number, number];

interface BroadcastSizes {
  op: BinaryOp;
  shape: Four;
  aStrides: Four;
  bStrides: Four;
  alpha?: number;
}

/** y [d0, d1, d2, d3] = a OP b with the operands' strides, 0 where an axis repeats. */
export function planBroadcast(sizes: BroadcastSizes, facts: DeviceFacts): KernelCall {
  const { op, shape, aStrides, bStrides, alpha = 1 } = sizes;
  const count = shape[0] * shape[1] * shape[2] * shape[3];
  const [a0, a1, a2, a3] = aStrides;
  const [b0, b1, b2, b3] = bStrides;
  const left = readingOf("a", shape, aStrides);
  const right = readingOf("b", shape, bStrides);
  return {
    kernel: elementwiseBroadcast,
    variant: { OP: `${BINARY_OPS[op]}u` },
    params: {
      count,
      alpha,
      d1: shape[1],
      d2: shape[2],
      d3: shape[3],
      a0,
      a1,
      a2,
      a3,
      b0,
      b1,
      b2,
      b3,
      first: 0,
      a_first: 0,
      b_first: 0,
    },
    workgroups: spread(Math.ceil(count / 64), facts),
    reason: "shapes broadcast",
    flops: count,
    bytes: 12 * count,
    ...(left && right
      ? { pointwise: { op, count, operands: [left, right], result: "y", numbers: op === "add" ? { alpha } : {} } }
      : {}),
    splits: [elementsOfBroadcast(sizes, count, facts)],
  };
}

/** y is cut by elements, and with it an operand that lies just as y does; one that repeats is bound whole. */
function elementsOfBroadcast(sizes: BroadcastSizes, count: number, facts: DeviceFacts): SplitAxis {
  const { shape, aStrides, bStrides } = sizes;
  const dense = [shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1];
  const liesAsY = (strides: Four): boolean => strides.every((stride, axis) => shape[axis] === 1 || stride === dense[axis]);
  const [isA, isB] = [liesAsY(aStrides), liesAsY(bStrides)];
  return {
    units: count,
    cut: { y: 4, ...(isA ? { a: 4 } : {}), ...(isB ? { b: 4 } : {}) },
    plan: (first, part) => {
      const whole = planBroadcast(sizes, facts);
      const params = { ...whole.params, count: part, first, a_first: isA ? first : 0, b_first: isB ? first : 0 };
      return { ...whole, params, workgroups: spread(Math.ceil(part / 64), facts), flops: part, bytes: 12 * part };
    },
  };
}

/** y += alpha * x */
export function planAccumulate({ count, alpha = 1 }: { count: number; alpha?: number }, facts: DeviceFacts): KernelCall {
  return {
    kernel: elementwiseAccumulate,
    variant: {},
    params: { count, alpha },
    workgroups: groupsOf(quadsOf(count), facts),
    reason: "four elements a lane",
    flops: 2 * count,
    bytes: 12 * count,
    pointwise: { op: "accumulate", count, operands: each("y", "x"), result: "y", numbers: { alpha } },
    ...byQuads(count, ["x", "y"], (part) => planAccumulate({ count: part, alpha }, facts)),
  };
}

/** da = dy where a > b, half of it at a tie, else 0 */
export function planMaxBackward({ count }: { count: number }, facts: DeviceFacts): KernelCall {
  const quads = quadsOf(count);
  return {
    kernel: elementwiseMaxBackward,
    variant: {},
    params: { quads },
    workgroups: groupsOf(quads, facts),
    reason: "four elements a lane",
    flops: count,
    bytes: 16 * count,
    pointwise: { op: "dMax", count, operands: each("a", "b", "dy"), result: "da", numbers: {} },
    ...byQuads(count, ["a", "b", "dy", "da"], (part) => planMaxBackward({ count: part }, facts)),
  };
}
