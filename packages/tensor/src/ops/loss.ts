import { planCrossEntropy, planCrossEntropyBackward } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { apply, type Op, wantF32, wantI32 } from "../op.js";
import { rowsOf, show } from "../shape.js";
import type { Tensor } from "../tensor.js";

export interface CrossEntropyOptions {
  /** Of the target that is spread over all classes (Szegedy et al. 2016), 0 to below 1; as torch's label_smoothing. */
  labelSmoothing?: number;
}
export interface LossAttrs {
  smoothing: number;
}

/** loss [rows] = logsumexp(logits) - logits[label], 0 where the label is negative; logits [rows, vocab], labels i32 [rows] */
export const crossEntropyOp: Op<LossAttrs> = {
  name: "crossEntropy",
  forward(ctx, [logits, labels], { smoothing }) {
    wantF32("crossEntropy", "logits", logits!);
    const { rows, cols } = rowsOf(logits!.shape);
    checkLabels("crossEntropy", `logits ${show(logits!.shape)}`, rows, labels!);
    const loss = ctx.empty([rows]);
    const lse = ctx.empty([rows]);
    ctx.run(planCrossEntropy({ rows, cols, smoothing }, ctx.facts), { x: logits!, labels: labels!, loss, lse });
    ctx.save(lse);
    return loss;
  },
  backward(ctx, dloss, { smoothing }) {
    const [logits, labels] = ctx.inputs as [Tensor, Tensor];
    const dx = ctx.empty(logits.shape); // (softmax - target) * dloss
    const call = planCrossEntropyBackward({ ...rowsOf(logits.shape), smoothing }, ctx.facts);
    ctx.run(call, { x: logits, labels, lse: ctx.saved[0]!, dloss, dx });
    return [dx, null];
  },
};

/** @throws TensorError unless labels are i32, one a row */
export function checkLabels(op: string, of: string, rows: number, labels: Tensor): void {
  wantI32(op, "labels", labels);
  if (labels.size !== rows) {
    throw new TensorError(`${op}: ${of} have ${rows} rows, labels ${show(labels.shape)} have ${labels.size}`);
  }
}

/** @throws TensorError unless the smoothing is a share of the target */
export function lossAttrs(op: string, { labelSmoothing = 0 }: CrossEntropyOptions): LossAttrs {
  if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
    throw new TensorError(`${op}: labelSmoothing must be at least 0 and below 1, got ${labelSmoothing}`);
  }
  return { smoothing: labelSmoothing };
}

/**
 * The loss of every row; sum it and multiply by 1 / tokens. Rows with a negative label (-100) count 0; a label beyond the vocabulary
 * gives NaN. Where the logits come from a linear layer, linearCrossEntropy needs far less memory.
 */
export const crossEntropy = (logits: Tensor, labels: Tensor, options: CrossEntropyOptions = {}): Tensor =>
  apply(crossEntropyOp, [logits, labels], lossAttrs("crossEntropy", options));
