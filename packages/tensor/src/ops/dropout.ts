import { planDropout } from "@attune/kernels-wgsl";
import { apply, type Op, type OpContext, wantF32 } from "../op.js";
import type { ProgramState } from "../programState.js";
import type { Tensor } from "../tensor.js";

interface DropoutAttrs {
  /** Probability of a zero, in [0, 1). */
  p: number;
  /** Which dropout of the model this is: part of the random key, fixed when the model is built. */
  site: number;
  state: ProgramState;
}

/** y = x / (1 - p), or 0 with probability p; the mask follows from (seed, site, step, micro, element) and is never stored */
export const dropoutOp: Op<DropoutAttrs> = {
  name: "dropout",
  forward(ctx, [x], attrs) {
    wantF32("dropout", "x", x!);
    return mask(ctx, x!, attrs);
  },
  backward(ctx, dy, attrs) {
    return [mask(ctx, dy, attrs)]; // the same mask again
  },
};

function mask(ctx: OpContext, x: Tensor, { p, site, state }: DropoutAttrs): Tensor {
  const y = ctx.empty(x.shape);
  ctx.run(planDropout({ count: x.size, p, site }, ctx.facts), { x, state: state.tensor, y });
  return y;
}

export const dropout = (x: Tensor, attrs: DropoutAttrs): Tensor => (attrs.p === 0 ? x : apply(dropoutOp, [x], attrs));
