import { planCrossEntropy, planCrossEntropyBackward } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { apply, type Op, wantF32, wantI32 } from "../op.js";
import { rowsOf, show } from "../shape.js";
import type { Tensor } from "../tensor.js";

/** loss [rows] = logsumexp(logits) - logits[label], 0 where the label is negative; logits [rows, vocab], labels i32 [rows] */
export const crossEntropyOp: Op<null> = {
  name: "crossEntropy",
  forward(ctx, [logits, labels]) {
    wantF32("crossEntropy", "logits", logits!);
    wantI32("crossEntropy", "labels", labels!);
    const { rows, cols } = rowsOf(logits!.shape);
    if (labels!.size !== rows) {
      throw new TensorError(
        `crossEntropy: logits ${show(logits!.shape)} have ${rows} rows, labels ${show(labels!.shape)} have ${labels!.size}`,
      );
    }
    const loss = ctx.empty([rows]);
    const lse = ctx.empty([rows]);
    ctx.run(planCrossEntropy({ rows, cols }, ctx.facts), { x: logits!, labels: labels!, loss, lse });
    ctx.save(lse);
    return loss;
  },
  backward(ctx, dloss) {
    const [logits, labels] = ctx.inputs as [Tensor, Tensor];
    const dx = ctx.empty(logits.shape); // (softmax - onehot) * dloss
    const call = planCrossEntropyBackward(rowsOf(logits.shape), ctx.facts);
    ctx.run(call, { x: logits, labels, lse: ctx.saved[0]!, dloss, dx });
    return [dx, null];
  },
};

/** The loss of every row; sum it and multiply by 1 / tokens. Rows with a negative label (-100) count 0. */
export const crossEntropy = (logits: Tensor, labels: Tensor): Tensor => apply(crossEntropyOp, [logits, labels], null);
