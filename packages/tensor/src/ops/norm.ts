import {
  planColumnSum,
  planLayerNorm,
  planLayerNormBackward,
  planNormWeightBackward,
  planRmsNorm,
  planRmsNormBackward,
} from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { apply, type BackwardContext, type Gradient, type Op, wantF32 } from "../op.js";
import { rowsOf, show } from "../shape.js";
import type { Tensor } from "../tensor.js";

/** y = x * (mean(x^2) + eps)^-0.5 * w over the last axis: T5's layer norm (no mean, no bias) */
export const rmsNormOp: Op<{ eps: number }> = {
  name: "rmsNorm",
  forward(ctx, [x, w], { eps }) {
    checkWeight("rmsNorm", x!, w!);
    const { rows, cols } = rowsOf(x!.shape);
    const y = ctx.empty(x!.shape);
    const rstd = ctx.empty([rows]);
    ctx.run(planRmsNorm({ rows, cols, eps }, ctx.facts), { x: x!, w: w!, y, rstd });
    ctx.save(rstd);
    return y;
  },
  backward(ctx, dy) {
    const [x, w] = ctx.inputs as [Tensor, Tensor];
    const [rstd] = ctx.saved as [Tensor];
    const dx = ctx.needs[0] ? ctx.empty(x.shape) : null;
    if (dx) ctx.run(planRmsNormBackward(rowsOf(x.shape), ctx.facts), { x, w, rstd, dy, residual: null, dx });
    return [dx, ctx.needs[1] ? weightGradient(ctx, x, rstd, dy, w, false) : null];
  },
};

/** y = (x - mean) * (var + eps)^-0.5 * w + b over the last axis (Ba et al. 2016): OPT's layer norm */
export const layerNormOp: Op<{ eps: number }> = {
  name: "layerNorm",
  forward(ctx, [x, w, b], { eps }) {
    checkWeight("layerNorm", x!, w!);
    checkWeight("layerNorm", x!, b!);
    const { rows, cols } = rowsOf(x!.shape);
    const y = ctx.empty(x!.shape);
    const stats = ctx.empty([rows, 2]); // mean, rstd
    ctx.run(planLayerNorm({ rows, cols, eps }, ctx.facts), { x: x!, w: w!, b: b!, y, stats });
    ctx.save(stats);
    return y;
  },
  backward(ctx, dy) {
    const [x, w, b] = ctx.inputs as [Tensor, Tensor, Tensor];
    const [stats] = ctx.saved as [Tensor];
    const { rows, cols } = rowsOf(x.shape);
    const dx = ctx.needs[0] ? ctx.empty(x.shape) : null;
    if (dx) ctx.run(planLayerNormBackward({ rows, cols }, ctx.facts), { x, w, stats, dy, residual: null, dx });
    const db: Gradient = (into) => {
      const made = into ?? ctx.empty(b.shape); // db = sum of dy over rows
      ctx.run(planColumnSum({ outer: 1, middle: rows, inner: cols, accumulate: into !== null }, ctx.facts), { x: dy, y: made });
      return made;
    };
    return [dx, ctx.needs[1] ? weightGradient(ctx, x, stats, dy, w, true) : null, ctx.needs[2] ? db : null];
  },
};

/** dw = sum over rows of dy * normalised x */
function weightGradient(ctx: BackwardContext, x: Tensor, stats: Tensor, dy: Tensor, w: Tensor, hasMean: boolean): Gradient {
  return (into) => {
    const dw = into ?? ctx.empty(w.shape);
    ctx.run(planNormWeightBackward({ ...rowsOf(x.shape), hasMean, accumulate: into !== null }, ctx.facts), { x, stats, dy, dw });
    return dw;
  };
}

function checkWeight(op: string, x: Tensor, w: Tensor): void {
  wantF32(op, "x", x);
  wantF32(op, "w", w);
  if (w.shape.length !== 1 || w.shape[0] !== x.shape.at(-1)) {
    throw new TensorError(`${op}: x ${show(x.shape)} and w ${show(w.shape)} must share their last axis`);
  }
}

export const rmsNorm = (x: Tensor, w: Tensor, eps = 1e-6): Tensor => apply(rmsNormOp, [x, w], { eps });
export const layerNorm = (x: Tensor, w: Tensor, b: Tensor, eps = 1e-5): Tensor => apply(layerNormOp, [x, w, b], { eps });
