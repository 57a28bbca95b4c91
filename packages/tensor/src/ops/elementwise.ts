import {
  type BinaryOp,
  planAccumulate,
  planBinary,
  planBroadcast,
  planColumnSum,
  planMaxBackward,
  planUnary,
  planUnaryBackward,
  type UnaryOp,
} from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { apply, type BackwardContext, type Gradient, type Op, OpContext, wantF32 } from "../op.js";
import { broadcastShape, broadcastStrides, padToFour, sameShape, show, sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";

interface UnaryAttrs {
  op: UnaryOp;
  alpha: number;
  beta: number;
}

/** y = f(x), element by element */
export const unaryOp: Op<UnaryAttrs> = {
  name: "unary",
  forward(ctx, [x], attrs) {
    wantF32(attrs.op, "x", x!);
    return runUnary(ctx, x!, attrs);
  },
  backward(ctx, dy, attrs) {
    const [x] = ctx.inputs;
    if (attrs.op === "affine") return [runUnary(ctx, dy, { op: "affine", alpha: attrs.alpha, beta: 0 })]; // does not keep x alive
    const dx = ctx.empty(x!.shape);
    // relu's slope is the same by its output: its input need not be kept, and may never have been stored (matmul epilogues)
    const at = attrs.op === "relu" ? ctx.output : x!;
    ctx.run(planUnaryBackward({ op: attrs.op, count: x!.size }, ctx.facts), { x: at, dy, dx }); // dx = f'(x) * dy
    return [dx];
  },
};

function runUnary(ctx: OpContext, x: Tensor, attrs: UnaryAttrs): Tensor {
  const y = ctx.empty(x.shape);
  ctx.run(planUnary({ ...attrs, count: x.size }, ctx.facts), { x, y });
  return y;
}

const unary =
  (op: UnaryOp) =>
  (x: Tensor): Tensor =>
    apply(unaryOp, [x], { op, alpha: 1, beta: 0 });
/** alpha * x + beta, with numbers frozen into the program */
export const affine = (x: Tensor, alpha: number, beta = 0): Tensor => apply(unaryOp, [x], { op: "affine", alpha, beta });
export const relu = unary("relu");
/** 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): the tanh form that T5 v1.1 and FLAN-T5 use (Hendrycks & Gimpel 2016) */
export const geluNew = unary("geluNew");
export const exp = unary("exp");
export const log = unary("log");
export const sqrt = unary("sqrt");
export const tanh = unary("tanh");
export const square = unary("square");
export const reciprocal = unary("reciprocal");
export const sigmoid = unary("sigmoid");

interface BinaryAttrs {
  op: BinaryOp;
  /** add: a + alpha * b */
  alpha: number;
}

/** y = a OP b with broadcasting */
export const binaryOp: Op<BinaryAttrs> = {
  name: "binary",
  forward(ctx, [a, b], attrs) {
    wantF32(attrs.op, "a", a!);
    wantF32(attrs.op, "b", b!);
    return runBinary(ctx, a!, b!, attrs);
  },
  backward(ctx, dy, { op, alpha }) {
    const [a, b] = ctx.inputs as [Tensor, Tensor];
    const [needsA, needsB] = ctx.needs;
    const times = (x: Tensor, y: Tensor, by: BinaryOp = "mul"): Tensor => runBinary(ctx, x, y, { op: by, alpha: 1 });
    const scaled = (x: Tensor, by: number): Tensor => (by === 1 ? x : runUnary(ctx, x, { op: "affine", alpha: by, beta: 0 }));
    let da: Tensor | null = null;
    let db: Tensor | null = null;
    if (op === "add") {
      da = dy; // dy
      db = needsB ? scaled(dy, alpha) : null; // alpha * dy
    } else if (op === "mul") {
      da = needsA ? times(dy, b) : null; // dy * b
      db = needsB ? times(dy, a) : null; // dy * a
    } else if (op === "div") {
      da = needsA ? times(dy, b, "div") : null; // dy / b
      db = needsB ? scaled(times(times(dy, ctx.output), b, "div"), -1) : null; // -dy * y / b
    } else {
      const wide = dy.shape; // the kernel wants equal shapes
      const [fullA, fullB] = [widen(ctx, a, wide), widen(ctx, b, wide)];
      da = needsA ? maxShare(ctx, fullA, fullB, dy) : null;
      db = needsB ? maxShare(ctx, fullB, fullA, dy) : null;
    }
    return [needsA && da ? unbroadcast(ctx, da, a) : null, needsB && db ? unbroadcast(ctx, db, b) : null];
  },
};

function runBinary(ctx: OpContext, a: Tensor, b: Tensor, { op, alpha }: BinaryAttrs): Tensor {
  const shape = broadcastShape(op, a.shape, b.shape);
  const y = ctx.empty(shape);
  if (sameShape(a.shape, b.shape)) ctx.run(planBinary({ op, alpha, count: y.size }, ctx.facts), { a, b, y });
  else {
    const strides = { aStrides: broadcastStrides(a.shape, shape), bStrides: broadcastStrides(b.shape, shape) };
    ctx.run(planBroadcast({ op, alpha, shape: padToFour(shape, 1), ...strides }, ctx.facts), { a, b, y });
  }
  return y;
}

function maxShare(ctx: BackwardContext, a: Tensor, b: Tensor, dy: Tensor): Tensor {
  const da = ctx.empty(dy.shape);
  ctx.run(planMaxBackward({ count: dy.size }, ctx.facts), { a, b, dy, da });
  return da;
}

/** x repeated to `shape`: max(x, x) with broadcast strides, since max keeps every value as it is. */
function widen(ctx: OpContext, x: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const y = ctx.empty(shape);
  const strides = broadcastStrides(x.shape, shape);
  ctx.run(planBroadcast({ op: "max", shape: padToFour(shape, 1), aStrides: strides, bStrides: strides }, ctx.facts), {
    a: x,
    b: x,
    y,
  });
  return y;
}

/** The gradient of a broadcast operand: dy summed over the axes along which it was repeated. */
function unbroadcast(ctx: BackwardContext, dy: Tensor, input: Tensor): Gradient {
  if (sameShape(dy.shape, input.shape)) return dy;
  const wide = padToFour(dy.shape, 1);
  const narrow = padToFour(input.shape, 1);
  let current = dy;
  let shape = [...wide];
  for (let axis = 0; axis < 4; axis++) {
    if (shape[axis] === narrow[axis]) continue;
    const outer = sizeOf(shape.slice(0, axis));
    const inner = sizeOf(shape.slice(axis + 1));
    const summed = ctx.empty([outer, inner]);
    ctx.run(planColumnSum({ outer, middle: shape[axis]!, inner }, ctx.facts), { x: current, y: summed });
    current = summed;
    shape = shape.map((length, i) => (i === axis ? 1 : length));
  }
  return ctx.view(current, input.shape);
}

/** a + alpha * b */
export const add = (a: Tensor, b: Tensor, alpha = 1): Tensor => apply(binaryOp, [a, b], { op: "add", alpha });
export const sub = (a: Tensor, b: Tensor): Tensor => add(a, b, -1);
export const mul = (a: Tensor, b: Tensor): Tensor => apply(binaryOp, [a, b], { op: "mul", alpha: 1 });
export const div = (a: Tensor, b: Tensor): Tensor => apply(binaryOp, [a, b], { op: "div", alpha: 1 });
/** Element by element; at a tie each operand gets half the gradient. */
export const maximum = (a: Tensor, b: Tensor): Tensor => apply(binaryOp, [a, b], { op: "max", alpha: 1 });

/** y += alpha * x in place; not differentiable. */
export function accumulateInto(x: Tensor, y: Tensor, alpha = 1): void {
  if (x.size !== y.size) throw new TensorError(`accumulateInto: x ${show(x.shape)} and y ${show(y.shape)} must be of one size`);
  const ctx = new OpContext(y.device, "accumulateInto");
  ctx.run(planAccumulate({ count: y.size, alpha }, ctx.facts), { x, y });
}
