import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import { softmaxBackward, softmaxLogBackward, softmaxLogRows, softmaxRows } from "../generated/kernels.js";
import type { Kernel, KernelCall } from "../kernel.js";
import { byRows } from "../split/axes.js";

const rowBytes = (cols: number): Record<string, number> =>
  Object.fromEntries(["x", "p", "dp", "ds", "y", "dy", "dx"].map((name) => [name, 4 * cols]));

interface RowSizes {
  rows: number;
  cols: number;
}

function planRows(kernel: Kernel, { rows, cols }: RowSizes, facts: DeviceFacts): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  return {
    kernel,
    variant,
    replaceUses,
    params: { rows, cols },
    workgroups: spread(rows, facts),
    reason: `${lanes} lanes a row`,
    flops: 5 * rows * cols,
    bytes: 12 * rows * cols,
    ...byRows(rows, rowBytes(cols), (part) => planRows(kernel, { rows: part, cols }, facts)),
  };
}

/** p = softmax over the last axis of x [rows, cols] */
export function planSoftmax(sizes: RowSizes, facts: DeviceFacts): KernelCall {
  return planRows(softmaxRows, sizes, facts);
}

/** ds = p * (dp - sum(dp * p)) over the last axis */
export function planSoftmaxBackward(sizes: RowSizes, facts: DeviceFacts): KernelCall {
  return planRows(softmaxBackward, sizes, facts);
}

/** y = log softmax over the last axis of x [rows, cols] */
export function planLogSoftmax(sizes: RowSizes, facts: DeviceFacts): KernelCall {
  return planRows(softmaxLogRows, sizes, facts);
}

/** dx = dy - exp(y) * sum(dy) over the last axis */
export function planLogSoftmaxBackward(sizes: RowSizes, facts: DeviceFacts): KernelCall {
  return planRows(softmaxLogBackward, sizes, facts);
}
