import { planLogSoftmax, planLogSoftmaxBackward, planSoftmax, planSoftmaxBackward } from "@attune/kernels-wgsl";
import { apply, type Op, wantF32 } from "../op.js";
import { rowsOf } from "../shape.js";
import type { Tensor } from "../tensor.js";

/** y = softmax over the last axis of x [..., cols] */
export const softmaxOp: Op<null> = {
  name: "softmax",
  forward(ctx, [x]) {
    wantF32("softmax", "x", x!);
    const p = ctx.empty(x!.shape);
    ctx.run(planSoftmax(rowsOf(x!.shape), ctx.facts), { x: x!, p });
    return p;
  },
  backward(ctx, dp) {
    const ds = ctx.empty(dp.shape); // ds = p * (dp - sum(dp * p))
    ctx.run(planSoftmaxBackward(rowsOf(dp.shape), ctx.facts), { p: ctx.output, dp, ds });
    return [ds];
  },
};
export const softmax = (x: Tensor): Tensor => apply(softmaxOp, [x], null);

/** y = log softmax over the last axis of x [..., cols] */
export const logSoftmaxOp: Op<null> = {
  name: "logSoftmax",
  forward(ctx, [x]) {
    wantF32("logSoftmax", "x", x!);
    const y = ctx.empty(x!.shape);
    ctx.run(planLogSoftmax(rowsOf(x!.shape), ctx.facts), { x: x!, y });
    return y;
  },
  backward(ctx, dy) {
    const dx = ctx.empty(dy.shape); // dx = dy - exp(y) * sum(dy)
    ctx.run(planLogSoftmaxBackward(rowsOf(dy.shape), ctx.facts), { y: ctx.output, dy, dx });
    return [dx];
  },
};
export const logSoftmax = (x: Tensor): Tensor => apply(logSoftmaxOp, [x], null);
