import { type MatmulSizes, planAttentionSoftmax, planColumnSum, planMatmul, planSoftmaxBackward } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { apply, type Gradient, type Op, type OpContext, wantF32, wantI32 } from "../op.js";
import type { ProgramState } from "../programState.js";
import { rowsOf, show } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { dropout } from "./dropout.js";
import { relativeBias } from "./embedding.js";

/** Heads lie side by side in the last axis, [batch, time, heads * dKv]: strided matmuls read them where they are. */
interface HeadAttrs {
  heads: number;
  scale: number;
}

interface HeadSizes {
  batch: number;
  queries: number;
  keys: number;
  width: number;
  dKv: number;
}

function batched(sizes: HeadSizes, heads: number): Pick<MatmulSizes, "outer" | "inner"> {
  return { outer: sizes.batch, inner: heads };
}
/** A [batch, time, heads * dKv] operand: rows are time steps of one head. */
function headPlace(time: number, { width, dKv }: HeadSizes) {
  return { rowStride: width, outerStride: time * width, innerStride: dKv };
}
/** A [batch, heads, query, key] operand. */
function squarePlace({ queries, keys }: HeadSizes, heads: number) {
  return { rowStride: keys, outerStride: heads * queries * keys, innerStride: queries * keys };
}
function run(ctx: OpContext, sizes: MatmulSizes, a: Tensor, b: Tensor, c: Tensor): Tensor {
  ctx.run(planMatmul(sizes, ctx.facts), { a, b, c });
  return c;
}

/** s [batch, heads, query, key] = scale * q k^T from q [batch, query, heads * dKv], k [batch, key, heads * dKv] */
export const attentionScoresOp: Op<HeadAttrs> = {
  name: "attentionScores",
  forward(ctx, [q, k], { heads, scale }) {
    const sizes = headSizes("attentionScores", q!, k!, heads);
    const { batch, queries, keys, dKv } = sizes;
    const s = ctx.empty([batch, heads, queries, keys]);
    const [a, b, c] = [headPlace(queries, sizes), headPlace(keys, sizes), squarePlace(sizes, heads)];
    return run(ctx, { layout: "nt", m: queries, n: keys, k: dKv, a, b, c, alpha: scale, ...batched(sizes, heads) }, q!, k!, s);
  },
  backward(ctx, ds, { heads, scale }) {
    const [q, k] = ctx.inputs as [Tensor, Tensor];
    const sizes = headSizes("attentionScores", q, k, heads);
    const { queries, keys, dKv } = sizes;
    const [a, atQ, atK] = [squarePlace(sizes, heads), headPlace(queries, sizes), headPlace(keys, sizes)];
    const common = { alpha: scale, ...batched(sizes, heads) };
    return [
      ctx.needs[0] // dq = scale * ds k
        ? sink(ctx, q, (c, accumulate) =>
            run(ctx, { layout: "nn", m: queries, n: dKv, k: keys, a, b: atK, c: atQ, accumulate, ...common }, ds, k, c),
          )
        : null,
      ctx.needs[1] // dk = scale * ds^T q
        ? sink(ctx, k, (c, accumulate) =>
            run(ctx, { layout: "tn", m: keys, n: dKv, k: queries, a, b: atQ, c: atK, accumulate, ...common }, ds, q, c),
          )
        : null,
    ];
  },
};

/** y [batch, query, heads * dKv] = p v from p [batch, heads, query, key], v [batch, key, heads * dKv] */
export const attentionValuesOp: Op<null> = {
  name: "attentionValues",
  forward(ctx, [p, v]) {
    const { sizes, heads } = valueSizes(p!, v!);
    const { batch, queries, keys, width, dKv } = sizes;
    const y = ctx.empty([batch, queries, width]);
    const [a, b, c] = [squarePlace(sizes, heads), headPlace(keys, sizes), headPlace(queries, sizes)];
    return run(ctx, { layout: "nn", m: queries, n: dKv, k: keys, a, b, c, ...batched(sizes, heads) }, p!, v!, y);
  },
  backward(ctx, dy) {
    const [p, v] = ctx.inputs as [Tensor, Tensor];
    const { sizes, heads } = valueSizes(p, v);
    const { queries, keys, dKv } = sizes;
    const [square, atY, atV] = [squarePlace(sizes, heads), headPlace(queries, sizes), headPlace(keys, sizes)];
    const common = batched(sizes, heads);
    return [
      ctx.needs[0] // dp = dy v^T
        ? sink(ctx, p, (c, accumulate) =>
            run(ctx, { layout: "nt", m: queries, n: keys, k: dKv, a: atY, b: atV, c: square, accumulate, ...common }, dy, v, c),
          )
        : null,
      ctx.needs[1] // dv = p^T dy
        ? sink(ctx, v, (c, accumulate) =>
            run(ctx, { layout: "tn", m: keys, n: dKv, k: queries, a: square, b: atY, c: atV, accumulate, ...common }, p, dy, c),
          )
        : null,
    ];
  },
};

function sink(ctx: OpContext, like: Tensor, make: (c: Tensor, accumulate: boolean) => Tensor): Gradient {
  return (into) => make(into ?? ctx.empty(like.shape), into !== null);
}

function headSizes(op: string, q: Tensor, k: Tensor, heads: number): HeadSizes {
  wantF32(op, "q", q);
  wantF32(op, "k", k);
  const [batch, queries, width] = q.shape as [number, number, number];
  const [kBatch, keys, kWidth] = k.shape as [number, number, number];
  if (q.shape.length !== 3 || k.shape.length !== 3 || batch !== kBatch || width !== kWidth || width % heads !== 0) {
    throw new TensorError(
      `${op}: q ${show(q.shape)}, k ${show(k.shape)} must be [batch, time, heads * dKv] alike, with ${heads} heads`,
    );
  }
  return { batch, queries, keys, width, dKv: width / heads };
}

function valueSizes(p: Tensor, v: Tensor): { sizes: HeadSizes; heads: number } {
  wantF32("attentionValues", "p", p);
  wantF32("attentionValues", "v", v);
  const [batch, heads, queries, keys] = p.shape as [number, number, number, number];
  const [vBatch, vKeys, width] = v.shape as [number, number, number];
  if (p.shape.length !== 4 || v.shape.length !== 3 || batch !== vBatch || keys !== vKeys || width % heads !== 0) {
    throw new TensorError(
      `attentionValues: p ${show(p.shape)} [batch, heads, query, key] and v ${show(v.shape)} [batch, key, heads * dKv] do not fit`,
    );
  }
  return { sizes: { batch, queries, keys, width, dKv: width / heads }, heads };
}

interface SoftmaxAttrs {
  isCausal: boolean;
  hasBias: boolean;
  hasMask: boolean;
  live: ProgramState | null;
}

/** p = softmax over visible keys of s + bias; inputs s [batch, heads, query, key], then bias [heads, query, key] if any, mask [batch, key] if any */
export const attentionSoftmaxOp: Op<SoftmaxAttrs> = {
  name: "attentionSoftmax",
  forward(ctx, inputs, { isCausal, hasBias, hasMask, live }) {
    const s = inputs[0]!;
    const [batch, heads, queries, keys] = s.shape as [number, number, number, number];
    wantF32("attentionSoftmax", "s", s);
    const bias = hasBias ? inputs[1]! : null;
    const mask = hasMask ? inputs.at(-1)! : null;
    if (bias && show(bias.shape) !== show([heads, queries, keys])) {
      throw new TensorError(
        `attentionSoftmax: bias ${show(bias.shape)} must be [heads, query, key] = ${show([heads, queries, keys])}`,
      );
    }
    if (mask) {
      wantI32("attentionSoftmax", "mask", mask);
      if (show(mask.shape) !== show([batch, keys])) {
        throw new TensorError(`attentionSoftmax: mask ${show(mask.shape)} must be [batch, key] = ${show([batch, keys])}`);
      }
    }
    const p = ctx.empty(s.shape);
    const call = planAttentionSoftmax(
      { batch, heads, queries, keys, isCausal, hasBias, hasMask, isLive: live !== null },
      ctx.facts,
    );
    ctx.run(call, { s, bias, mask, state: live?.tensor ?? null, p });
    return p;
  },
  backward(ctx, dp, { hasBias, hasMask }) {
    const p = ctx.output;
    const [batch, heads, queries, keys] = p.shape as [number, number, number, number];
    const ds = ctx.empty(p.shape); // ds = p * (dp - sum(dp * p))
    ctx.run(planSoftmaxBackward(rowsOf(p.shape), ctx.facts), { p, dp, ds });
    const gradients: Gradient[] = [ds];
    if (hasBias) {
      ctx.made.delete(ds.storage); // read below after s has got it: nothing may be added into it
      gradients.push((into) => {
        // dbias = sum of ds over the batch
        const dbias = into ?? ctx.empty([heads, queries, keys]);
        const inner = heads * queries * keys;
        ctx.run(planColumnSum({ outer: 1, middle: batch, inner, accumulate: into !== null }, ctx.facts), { x: ds, y: dbias });
        return dbias;
      });
    }
    if (hasMask) gradients.push(null);
    return gradients;
  },
};

export const attentionScores = (q: Tensor, k: Tensor, attrs: HeadAttrs): Tensor => apply(attentionScoresOp, [q, k], attrs);
export const attentionValues = (p: Tensor, v: Tensor): Tensor => apply(attentionValuesOp, [p, v], null);

export interface AttentionSoftmaxOptions {
  bias?: Tensor | null;
  /** i32 [batch, key]: 0 hides the key */
  mask?: Tensor | null;
  isCausal?: boolean;
  /** Hides keys beyond state.past: decoding over a KV cache. */
  live?: ProgramState | null;
}
export function attentionSoftmax(s: Tensor, options: AttentionSoftmaxOptions = {}): Tensor {
  const { bias = null, mask = null, isCausal = false, live = null } = options;
  const inputs = [s, ...(bias ? [bias] : []), ...(mask ? [mask] : [])];
  return apply(attentionSoftmaxOp, inputs, { isCausal, live, hasBias: bias !== null, hasMask: mask !== null });
}

/** y = softmax over the last axis of x [..., cols] */
export const softmaxOp: Op<null> = {
  name: "softmax",
  forward(ctx, [x]) {
    wantF32("softmax", "x", x!);
    const { rows, cols } = rowsOf(x!.shape);
    const p = ctx.empty(x!.shape);
    const call = planAttentionSoftmax({ batch: 1, heads: 1, queries: rows, keys: cols }, ctx.facts);
    ctx.run(call, { s: x!, bias: null, mask: null, state: null, p });
    return p;
  },
  backward(ctx, dp) {
    const ds = ctx.empty(dp.shape); // ds = p * (dp - sum(dp * p))
    ctx.run(planSoftmaxBackward(rowsOf(dp.shape), ctx.facts), { p: ctx.output, dp, ds });
    return [ds];
  },
};
export const softmax = (x: Tensor): Tensor => apply(softmaxOp, [x], null);

/** T5's relative position bias: score[h, q, k] += table[buckets[k - q + offset], h]. */
export interface AttentionBias {
  /** f32 [buckets, heads]; gets a gradient if it wants one */
  table: Tensor;
  /** i32 [distances]: the bucket of each key - query, entry `offset` belonging to key == query */
  buckets: Tensor;
  offset: number;
}

export interface AttentionOptions {
  heads: number;
  /** Factor of the scores; dKv^-0.5 if absent. T5 has 1. */
  scale?: number;
  /** i32 [batch, key]: 0 hides the key */
  mask?: Tensor | null;
  /** Key k is hidden from query q if k > q. */
  isCausal?: boolean;
  /** Packed sequences, i32 [batch, time]: a query sees only keys of its own number. One tensor where queries and keys are the same tokens. */
  segments?: Tensor | { queries: Tensor; keys: Tensor } | null;
  bias?: AttentionBias | null;
  /** Drops probabilities, drawing from (seed, site, step, micro, element): backward draws the same again. */
  dropout?: { p: number; site: number; state: ProgramState } | null;
  /** Decoding over a KV cache: query i stands at position state.past + i and sees no later key. Not differentiable. */
  live?: ProgramState | null;
}

/**
 * softmax(scale * q k^T + bias) v for each head: q [batch, query, heads * dKv], k and v [batch, key, heads * dKv] ->
 * [batch, query, heads * dKv]. A query that sees no key gets zeros.
 *
 * @throws TensorError on shapes or dtypes that do not fit
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const { heads, mask = null, isCausal = false, segments = null, bias = null, dropout: drop = null, live = null } = options;
  const { queries, keys, dKv } = headSizes("attention", q, k, heads);
  if (segments) throw new TensorError("attention: segments are not ready yet");
  const s = attentionScores(q, k, { heads, scale: options.scale ?? dKv ** -0.5 });
  const b = bias ? relativeBias(bias.table, bias.buckets, { queries, keys, offset: bias.offset, live }) : null;
  const p = attentionSoftmax(s, { bias: b, mask, isCausal, live });
  return attentionValues(drop ? dropout(p, drop) : p, v);
}
