import { finiteBlocks, planBroadcast, planColumnSum, planFinite, planRowSum } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { apply, type Op, OpContext, wantF32 } from "../op.js";
import { broadcastStrides, padToFour, show, sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";

interface SumAttrs {
  /** The axis to sum, or null for all. */
  axis: number | null;
  scale: number;
}

/** y = scale * sum of x over one axis or all: always in the same order */
export const sumOp: Op<SumAttrs> = {
  name: "sum",
  forward(ctx, [x], { axis, scale }) {
    wantF32("sum", "x", x!);
    const { outer, middle, inner } = split(x!, axis);
    const y = ctx.empty(axis === null ? [] : x!.shape.filter((_, i) => i !== axis));
    if (outer === 1 && inner === 1 && x!.storage.bytes > ctx.facts.limits.maxStorageBufferBindingSize) sumLong(ctx, x!, y, scale);
    else if (inner === 1) ctx.run(planRowSum({ rows: outer, cols: middle, scale }, ctx.facts), { x: x!, y });
    else ctx.run(planColumnSum({ outer, middle, inner, scale }, ctx.facts), { x: x!, y });
    return y;
  },
  backward(ctx, dy, { axis, scale }) {
    // dx = scale * dy, repeated along the axis
    const x = ctx.inputs[0]!;
    const { outer, middle, inner } = split(x, axis);
    const dx = ctx.empty(x.shape);
    const wide = [outer, middle, inner];
    const strides = broadcastStrides([outer, 1, inner], wide);
    const zero = zeros(ctx);
    ctx.run(
      planBroadcast({ op: "add", alpha: scale, shape: padToFour(wide, 1), aStrides: [0, 0, 0, 0], bStrides: strides }, ctx.facts),
      { a: zero, b: dy, y: dx },
    );
    return [dx];
  },
};

/** Elements that a row of a sum too long for one binding has. */
const LONG_ROW = 2 ** 14;

/** y [1] = scale * sum of x, in rows that can be bound apart: first the rest that makes no row, then the sums of rows. */
function sumLong(ctx: OpContext, x: Tensor, y: Tensor, scale: number): void {
  const cols = Math.min(LONG_ROW, Math.floor(ctx.facts.limits.maxStorageBufferBindingSize / 256) * 64);
  const rows = Math.floor(x.size / cols);
  const rest = x.size - rows * cols;
  const sums = ctx.empty([rows]);
  ctx.run(planRowSum({ rows, cols }, ctx.facts), { x, y: sums });
  if (rest > 0) {
    const tail = x.storage.slice(4 * rows * cols, x.storage.bytes - 4 * rows * cols, "the rest of a sum");
    ctx.run(planRowSum({ rows: 1, cols: rest, scale }, ctx.facts), { x: tail, y });
  }
  ctx.run(planColumnSum({ outer: 1, middle: rows, inner: 1, scale, accumulate: rest > 0 }, ctx.facts), { x: sums, y });
}

function zeros(ctx: OpContext) {
  return ctx.device.empty; // 64 bytes that nothing writes
}

function split(x: Tensor, axis: number | null): { outer: number; middle: number; inner: number } {
  if (axis === null) return { outer: 1, middle: x.size, inner: 1 };
  if (!(Number.isInteger(axis) && axis >= 0 && axis < x.shape.length)) {
    throw new TensorError(`sum: axis ${axis} of a tensor ${show(x.shape)}; expected 0 to ${x.shape.length - 1}`);
  }
  return { outer: sizeOf(x.shape.slice(0, axis)), middle: x.shape[axis]!, inner: sizeOf(x.shape.slice(axis + 1)) };
}

/** Sum over one axis, or over all: then of shape [] */
export const sum = (x: Tensor, axis: number | null = null): Tensor => apply(sumOp, [x], { axis, scale: 1 });
/** Mean over one axis, or over all: then of shape [] */
export const mean = (x: Tensor, axis: number | null = null): Tensor =>
  apply(sumOp, [x], { axis, scale: 1 / (axis === null ? x.size : (x.shape[axis] ?? 1)) });

/** The same values under another shape. @throws TensorError if the sizes differ */
export const reshapeOp: Op<{ shape: readonly number[] }> = {
  name: "reshape",
  forward(ctx, [x], { shape }) {
    if (sizeOf(shape) !== x!.size) {
      throw new TensorError(`reshape: ${show(x!.shape)} has ${x!.size} values, ${show(shape)} wants ${sizeOf(shape)}`);
    }
    return ctx.view(x!, shape);
  },
  backward(ctx, dy) {
    return [ctx.view(dy, ctx.inputs[0]!.shape)];
  },
};
export const reshape = (x: Tensor, shape: readonly number[]): Tensor => apply(reshapeOp, [x], { shape });

/** 1 if all of x is finite, else 0, of shape []; told by bits, without a read-back. Not differentiable. */
export function allFinite(x: Tensor): Tensor {
  wantF32("allFinite", "x", x);
  const ctx = new OpContext(x.device, "allFinite");
  let current = x;
  for (let count = x.size; ; count = current.size) {
    const blocks = finiteBlocks(count);
    const found = ctx.empty(blocks === 1 ? [] : [blocks]);
    ctx.run(planFinite(count, ctx.facts), { x: current, y: found });
    if (blocks === 1) return found;
    current = found;
  }
}
