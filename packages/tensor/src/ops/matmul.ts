import { type MatmulSizes, type MatmulStorage, planMatmulSteps } from "@attune/kernels-wgsl";
import type { Storage } from "../device/storage.js";
import { TensorError } from "../errors.js";
import { apply, type Op, type OpContext, wantF32 } from "../op.js";
import { show, sizeOf } from "../shape.js";
import type { Tensor } from "../tensor.js";

/** y [..., m, n] = a [..., m, k] @ b [..., k, n]; leading axes equal, or b has none and is shared. */
export const matmulOp: Op<null> = {
  name: "matmul",
  forward(ctx, [a, b]) {
    const { m, n, k, batch, isShared } = matmulSizes(a!, b!);
    const y = ctx.empty([...a!.shape.slice(0, -1), n]);
    if (isShared) gemm(ctx, "nn", batch * m, n, k, a!, b!, y);
    else gemm(ctx, "nn", m, n, k, a!, b!, y, batch);
    return y;
  },
  backward(ctx, dy) {
    const [a, b] = ctx.inputs as [Tensor, Tensor];
    const { m, n, k, batch, isShared } = matmulSizes(a, b);
    const rows = isShared ? batch * m : m;
    const batches = isShared ? 1 : batch;
    return [
      ctx.needs[0] ? (into) => gemm(ctx, "nt", rows, k, n, dy, b, into ?? ctx.empty(a.shape), batches, into !== null) : null, // dy b^T
      ctx.needs[1] ? (into) => gemm(ctx, "tn", k, n, rows, a, dy, into ?? ctx.empty(b.shape), batches, into !== null) : null, // a^T dy
    ];
  },
};

function matmulSizes(a: Tensor, b: Tensor): { m: number; n: number; k: number; batch: number; isShared: boolean } {
  wantF32("matmul", "a", a);
  wantF32("matmul", "b", b);
  const given = `a ${show(a.shape)}, b ${show(b.shape)}`;
  if (a.shape.length < 2 || b.shape.length < 2) throw new TensorError(`matmul: both operands need at least 2 axes: ${given}`);
  const [m, k] = a.shape.slice(-2) as [number, number];
  const [kb, n] = b.shape.slice(-2) as [number, number];
  if (k !== kb) {
    throw new TensorError(
      `matmul: last axis of a must equal axis -2 of b: ${given}: ${k} against ${kb}. Did you mean linear(a, b), which is a @ b^T?`,
    );
  }
  const leading = a.shape.slice(0, -2);
  const isShared = b.shape.length === 2;
  if (!isShared && show(leading) !== show(b.shape.slice(0, -2))) throw new TensorError(`matmul: leading axes differ: ${given}`);
  return { m, n, k, batch: sizeOf(leading), isShared };
}

/** Dense matrices one after the other: strides follow from sizes. */
function gemm(
  ctx: OpContext,
  layout: "nt" | "nn" | "tn",
  m: number,
  n: number,
  k: number,
  a: Tensor,
  b: Tensor,
  c: Tensor,
  outer = 1,
  accumulate = false,
  bStorage: MatmulStorage = "f32",
  bIsConstant = false,
): Tensor {
  return runMatmul(
    ctx,
    {
      layout,
      m,
      n,
      k,
      outer,
      accumulate,
      bStorage,
      bIsConstant,
      a: { rowStride: layout === "tn" ? m : k, outerStride: outer > 1 ? m * k : 0 },
      b: { rowStride: layout === "nt" ? k : n, outerStride: outer > 1 ? n * k : 0 },
      c: { rowStride: n, outerStride: outer > 1 ? m * n : 0 },
    },
    { a, b, c },
  );
}

/** Runs a matmul, packing its operands first where that pays; c is one of the `bound` and returned. */
export function runMatmul<C extends Tensor | Storage>(
  ctx: OpContext,
  sizes: MatmulSizes,
  bound: { a: Tensor | Storage; b: Tensor | Storage; c: C; bias?: Tensor | Storage; residual?: Tensor | Storage },
): C {
  const { scratch, steps } = planMatmulSteps(sizes, ctx.facts);
  const storages: Record<string, Tensor | Storage> = { ...bound };
  for (const [name, bytes] of Object.entries(scratch)) storages[name] = ctx.device.allocate(bytes, `${ctx.name} ${name}`);
  for (const step of steps) {
    const given = Object.entries(step.bound).flatMap(([binding, name]) =>
      storages[name] ? [[binding, storages[name]] as const] : [],
    );
    ctx.run(step.call, Object.fromEntries(given));
  }
  // a program plans the lifetime of scratch itself
  if (!ctx.device.isCapturing) for (const name of Object.keys(scratch)) ctx.device.release(storages[name] as Storage);
  return bound.c;
}

/** y [..., out] = x [..., in] @ w^T, w [out, in] as checkpoints store it: f32, or frozen in packed bf16 or f16. */
export const linearOp: Op<null> = {
  name: "linear",
  forward(ctx, [x, w]) {
    const { rows, inputs, outputs } = linearSizes(x!, w!);
    const y = ctx.empty([...x!.shape.slice(0, -1), outputs]);
    return gemm(ctx, "nt", rows, outputs, inputs, x!, w!, y, 1, false, storageOf(w!), isFrozen(w!));
  },
  backward(ctx, dy) {
    const [x, w] = ctx.inputs as [Tensor, Tensor];
    const { rows, inputs, outputs } = linearSizes(x, w);
    return [
      ctx.needs[0] // dx = dy w
        ? (into) => gemm(ctx, "nn", rows, inputs, outputs, dy, w, into ?? ctx.empty(x.shape), 1, into !== null, storageOf(w))
        : null,
      ctx.needs[1] // dw = dy^T x; a frozen weight costs nothing here
        ? (into) => gemm(ctx, "tn", outputs, inputs, rows, dy, x, into ?? ctx.empty(w.shape), 1, into !== null)
        : null,
    ];
  },
};

/** Stays as it is for many calls: what a device makes of it is worth keeping. */
function isFrozen(w: Tensor): boolean {
  return w.storage.isPersistent && w.storage.category === "weights" && !w.requiresGrad;
}

function storageOf(w: Tensor): MatmulStorage {
  return w.dtype as MatmulStorage;
}

function linearSizes(x: Tensor, w: Tensor): { rows: number; inputs: number; outputs: number } {
  wantF32("linear", "x", x);
  if (w.dtype !== "f32" && w.dtype !== "bf16" && w.dtype !== "f16") {
    throw new TensorError(`linear: w must be f32, bf16 or f16, got ${w.dtype}`);
  }
  if (w.requiresGrad && w.dtype !== "f32")
    throw new TensorError(`linear: a trained w must be f32, got ${w.dtype}. Freeze it, or widen it.`);
  const [outputs, inputs] = w.shape as [number, number];
  if (w.shape.length !== 2 || x.shape.at(-1) !== inputs) {
    throw new TensorError(`linear: x ${show(x.shape)} must end in the inputs of w [out, in] = ${show(w.shape)}`);
  }
  return { rows: x.size / inputs, inputs, outputs };
}

export const matmul = (a: Tensor, b: Tensor): Tensor => apply(matmulOp, [a, b], null);
export const linear = (x: Tensor, w: Tensor): Tensor => apply(linearOp, [x, w], null);
