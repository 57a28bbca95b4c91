// The head and the loss of a language model in one op: the logits, [tokens, vocab] and far the largest tensor of a step, exist for a few
// rows at a time (as Liger kernels do, Hsu et al. 2024, arXiv 2410.10989).
import { type MatmulStorage, planBroadcast, planCrossEntropy, planCrossEntropyInPlace } from "@attune/kernels-wgsl";
import type { Storage } from "../device/storage.js";
import { TensorError } from "../errors.js";
import { apply, type BackwardContext, type Op, type OpContext, recordsTape, wantF32 } from "../op.js";
import { show } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { type CrossEntropyOptions, checkLabels, type LossAttrs, lossAttrs } from "./loss.js";
import { runMatmul } from "./matmul.js";

/** Bytes that a piece of the logits may take. */
const PIECE_BYTES = 64 * 2 ** 20;
/** Rows of w in one product: what is packed for it stays within a few megabytes. */
const VOCAB_STEP = 4096;
/** Rows of a piece come in these: a slice of any f32 matrix then begins at an aligned offset. */
const ROW_STEP = 128;

interface Sizes {
  rows: number;
  inputs: number;
  vocab: number;
}

/**
 * loss [rows] of logits = x w^T, x [rows, inputs], w [vocab, inputs], labels i32 [rows]. Inputs in the order w, x, labels: the sink of
 * w's gradient computes x's as well.
 *
 * With a frozen w the gradient of the logits is taken in the forward pass, while they are at hand, and dx is kept: nothing is computed
 * twice. A trained w needs dloss before its gradient can be added, so backward computes the logits again: one product more in four.
 */
export const linearCrossEntropyOp: Op<LossAttrs> = {
  name: "linearCrossEntropy",
  forward(ctx, [w, x, labels], { smoothing }) {
    const sizes = sizesOf(w!, x!);
    checkLabels("linearCrossEntropy", `x ${show(x!.shape)}`, sizes.rows, labels!);
    const { rows, inputs, vocab } = sizes;
    const loss = ctx.empty([rows]);
    const wantsDx = recordsTape([x!]) && !w!.requiresGrad;
    const dx = wantsDx ? ctx.empty([rows, inputs]) : null; // for dloss = 1
    if (dx) ctx.save(dx);
    const piece = pieceRows(ctx, sizes);
    const logits = ctx.empty([piece, vocab]);
    const lse = wantsDx ? null : ctx.empty([piece]);
    for (const { from, count } of ranges(rows, piece)) {
      const part = { rows: count, cols: vocab, smoothing };
      const of = { labels: rowsAt(labels!, from, count), loss: rowsAt(loss, from, count), x: logits };
      projectPiece(ctx, sizes, from, count, w!, x!, logits);
      if (dx) {
        ctx.run(planCrossEntropyInPlace({ ...part, hasWeight: false }, ctx.facts), { ...of, weight: null });
        inputGradient(ctx, sizes, from, count, w!, logits, dx);
      } else ctx.run(planCrossEntropy(part, ctx.facts), { ...of, lse });
    }
    return loss;
  },
  backward(ctx, dloss, { smoothing }) {
    const [w, x, labels] = ctx.inputs as [Tensor, Tensor, Tensor];
    const sizes = sizesOf(w, x);
    if (!w.requiresGrad) return [null, scaledRows(ctx, ctx.saved[0]!, dloss, x), null];
    const { rows, vocab } = sizes;
    const dx = ctx.needs[1] ? ctx.empty(x.shape) : null;
    return [
      (into) => {
        const dw = into ?? ctx.empty(w.shape);
        const piece = pieceRows(ctx, sizes);
        const logits = ctx.empty([piece, vocab]);
        const loss = ctx.empty([piece]);
        for (const { from, count } of ranges(rows, piece)) {
          projectPiece(ctx, sizes, from, count, w, x, logits);
          const of = { labels: rowsAt(labels, from, count), weight: rowsAt(dloss, from, count), x: logits, loss };
          ctx.run(planCrossEntropyInPlace({ rows: count, cols: vocab, smoothing, hasWeight: true }, ctx.facts), of);
          if (dx) inputGradient(ctx, sizes, from, count, w, logits, dx);
          weightGradient(ctx, sizes, from, count, logits, x, dw, into !== null || from > 0);
        }
        return dw;
      },
      dx,
      null,
    ];
  },
};

/** logits [count, vocab] = x[from ...] w^T */
function projectPiece(ctx: OpContext, sizes: Sizes, from: number, count: number, w: Tensor, x: Tensor, logits: Tensor): void {
  const { inputs, vocab } = sizes;
  const strides = { a: { rowStride: inputs }, b: { rowStride: inputs }, c: { rowStride: vocab } };
  for (const slice of ranges(vocab, VOCAB_STEP)) {
    const shape = { layout: "nt", m: count, n: slice.count, k: inputs, bStorage: w.dtype as MatmulStorage } as const;
    const bound = { a: rowsAt(x, from, count, inputs), b: vocabRows(w, slice), c: columnsFrom(logits, slice.from) };
    runMatmul(ctx, { ...shape, ...strides }, bound);
  }
}

/** dx[from ...] = dlogits w, the vocabulary's slices added up in their order */
function inputGradient(ctx: OpContext, sizes: Sizes, from: number, count: number, w: Tensor, dlogits: Tensor, dx: Tensor): void {
  const { inputs, vocab } = sizes;
  const strides = { a: { rowStride: vocab }, b: { rowStride: inputs }, c: { rowStride: inputs } };
  for (const slice of ranges(vocab, VOCAB_STEP)) {
    const shape = { layout: "nn", m: count, n: inputs, k: slice.count, bStorage: w.dtype as MatmulStorage } as const;
    const bound = { a: columnsFrom(dlogits, slice.from), b: vocabRows(w, slice), c: rowsAt(dx, from, count, inputs) };
    runMatmul(ctx, { ...shape, ...strides, accumulate: slice.from > 0 }, bound);
  }
}

/** dw (+)= dlogits^T x[from ...] */
function weightGradient(
  ctx: OpContext,
  sizes: Sizes,
  from: number,
  count: number,
  dlogits: Tensor,
  x: Tensor,
  dw: Tensor,
  accumulate: boolean,
): void {
  const { inputs, vocab } = sizes;
  const strides = { a: { rowStride: vocab }, b: { rowStride: inputs }, c: { rowStride: inputs } };
  for (const slice of ranges(vocab, VOCAB_STEP)) {
    const shape = { layout: "tn", m: slice.count, n: inputs, k: count, accumulate } as const;
    const bound = { a: columnsFrom(dlogits, slice.from), b: rowsAt(x, from, count, inputs), c: vocabRows(dw, slice) };
    runMatmul(ctx, { ...shape, ...strides }, bound);
  }
}

/** dx [...] = dloss[row] * rows[row, :] */
function scaledRows(ctx: BackwardContext, rows: Tensor, dloss: Tensor, like: Tensor): Tensor {
  const [count, width] = rows.shape as [number, number];
  const dx = ctx.empty(like.shape);
  const shape = [1, 1, count, width] as const;
  const call = planBroadcast({ op: "mul", shape, aStrides: [0, 0, width, 1], bStrides: [0, 0, 1, 0] }, ctx.facts);
  ctx.run(call, { a: rows, b: dloss, y: dx });
  return dx;
}

function pieceRows(ctx: OpContext, { rows, vocab }: Sizes): number {
  const bytes = Math.min(PIECE_BYTES, ctx.facts.limits.maxStorageBufferBindingSize);
  const fitting = Math.floor(bytes / (vocab * 4) / ROW_STEP) * ROW_STEP;
  return Math.min(rows, Math.max(ROW_STEP, fitting));
}

function ranges(total: number, most: number): { from: number; count: number }[] {
  const count = Math.ceil(total / most);
  return Array.from({ length: count }, (_, i) => ({ from: i * most, count: Math.min(most, total - i * most) }));
}

/** Some of w's rows, in whatever type they are stored. */
function vocabRows(w: Tensor, { from, count }: { from: number; count: number }): Storage {
  const rowBytes = w.shape[1]! * (w.dtype === "f32" ? 4 : 2);
  const bytes = Math.ceil((count * rowBytes) / 16) * 16;
  return count === w.shape[0] ? w.storage : w.storage.slice(from * rowBytes, bytes, `rows ${from} of the vocabulary`);
}

/** The matrix from a column on: rows keep their stride, so the binding runs to its end. */
function columnsFrom(of: Tensor, from: number): Storage {
  return from === 0 ? of.storage : of.storage.slice(from * 4, of.storage.bytes - from * 4, `columns ${from}`);
}

function rowsAt(of: Tensor, from: number, count: number, width = 1): Storage {
  const bytes = Math.ceil((count * width) / 4) * 16;
  return bytes === of.storage.bytes ? of.storage : of.storage.slice(from * width * 4, bytes, `rows ${from}`);
}

function sizesOf(w: Tensor, x: Tensor): Sizes {
  wantF32("linearCrossEntropy", "x", x);
  if (w.dtype !== "f32" && w.dtype !== "bf16" && w.dtype !== "f16") {
    throw new TensorError(`linearCrossEntropy: w must be f32, bf16 or f16, got ${w.dtype}`);
  }
  if (w.requiresGrad && w.dtype !== "f32") {
    throw new TensorError(`linearCrossEntropy: a trained w must be f32, got ${w.dtype}. Freeze it, or widen it.`);
  }
  const [vocab, inputs] = w.shape as [number, number];
  if (w.shape.length !== 2 || x.shape.at(-1) !== inputs) {
    throw new TensorError(
      `linearCrossEntropy: x ${show(x.shape)} must end in the inputs of w [vocab, inputs] = ${show(w.shape)}`,
    );
  }
  return { rows: x.size / inputs, inputs, vocab };
}

/**
 * crossEntropy(linear(x, w), labels) without its [tokens, vocab] logits: the loss of every row of x [..., inputs], w [vocab, inputs] in
 * f32, or frozen in bf16 or f16, labels i32 (negative: ignored; beyond the vocabulary: NaN).
 *
 * @throws TensorError on shapes or types that do not fit
 */
export const linearCrossEntropy = (x: Tensor, w: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor =>
  apply(linearCrossEntropyOp, [w, x, labels], lossAttrs("linearCrossEntropy", options));
