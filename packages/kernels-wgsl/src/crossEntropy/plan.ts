import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import { crossEntropyBackward, crossEntropyInPlace, crossEntropyRows } from "../generated/kernels.js";
import type { Kernel, KernelCall } from "../kernel.js";
import { byRows } from "../split/axes.js";

export interface CrossEntropySizes {
  rows: number;
  cols: number;
  /** Of the target that is spread over all columns: 0 to below 1. */
  smoothing?: number;
}

/** loss, lse [rows] from logits x [rows, cols] and labels [rows] (negative: ignored) */
export function planCrossEntropy(sizes: CrossEntropySizes, facts: DeviceFacts): KernelCall {
  return planRows(crossEntropyRows, sizes, facts);
}

/** dx = (softmax(x) - target) * dloss */
export function planCrossEntropyBackward(sizes: CrossEntropySizes, facts: DeviceFacts): KernelCall {
  return planRows(crossEntropyBackward, sizes, facts);
}

/** loss [rows], and x = (softmax(x) - target) * weight in place; without weights each is 1 */
export function planCrossEntropyInPlace(
  { hasWeight, ...sizes }: CrossEntropySizes & { hasWeight: boolean },
  facts: DeviceFacts,
): KernelCall {
  return planRows(crossEntropyInPlace, sizes, facts, { HAS_WEIGHT: String(hasWeight) });
}

function planRows(
  kernel: Kernel,
  { rows, cols, smoothing = 0 }: CrossEntropySizes,
  facts: DeviceFacts,
  consts: Record<string, string> = {},
): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  return {
    kernel,
    variant: { ...variant, ...consts },
    ...(kernel.uses.length > 0 ? { replaceUses } : {}),
    params: { rows, cols, smoothing },
    workgroups: spread(rows, facts),
    reason: `${lanes} lanes a row`,
    flops: 4 * rows * cols,
    bytes: 8 * rows * cols,
    ...byRows(rows, { x: 4 * cols, dx: 4 * cols, labels: 4, loss: 4, lse: 4, dloss: 4, weight: 4 }, (part) =>
      planRows(kernel, { rows: part, cols, smoothing }, facts, consts),
    ),
  };
}
