import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import { crossEntropyBackward, crossEntropyRows } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";

/** loss, lse [rows] from logits x [rows, cols] and labels [rows] (negative: ignored) */
export function planCrossEntropy({ rows, cols }: { rows: number; cols: number }, facts: DeviceFacts): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  return {
    kernel: crossEntropyRows,
    variant,
    replaceUses,
    params: { rows, cols },
    workgroups: spread(rows, facts),
    reason: `${lanes} lanes a row`,
    flops: 4 * rows * cols,
    bytes: 8 * rows * cols,
  };
}

/** dx = (softmax(x) - onehot(label)) * dloss */
export function planCrossEntropyBackward({ rows, cols }: { rows: number; cols: number }, facts: DeviceFacts): KernelCall {
  const { variant, lanes } = rowVariant(facts);
  return {
    kernel: crossEntropyBackward,
    variant,
    params: { rows, cols },
    workgroups: spread(rows, facts),
    reason: `${lanes} lanes a row`,
    flops: 4 * rows * cols,
    bytes: 8 * rows * cols,
  };
}
