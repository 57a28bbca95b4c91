import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import { normLayer, normLayerBackward, normRms, normRmsBackward, normWeightBackward } from "../generated/kernels.js";
import type { Kernel, KernelCall } from "../kernel.js";

export interface NormSizes {
  rows: number;
  cols: number;
  eps: number;
}

function planRows(
  kernel: Kernel,
  params: Record<string, number>,
  sizes: { rows: number; cols: number },
  facts: DeviceFacts,
): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  const elements = sizes.rows * sizes.cols;
  return {
    kernel,
    variant,
    replaceUses,
    params,
    workgroups: spread(sizes.rows, facts),
    reason: `${lanes} lanes a row`,
    flops: 6 * elements,
    bytes: 12 * elements,
  };
}

/** y, rstd [rows] from x [rows, cols], w [cols]: RMS norm */
export function planRmsNorm({ rows, cols, eps }: NormSizes, facts: DeviceFacts): KernelCall {
  return planRows(normRms, { rows, cols, eps }, { rows, cols }, facts);
}

/** dx from x, w, rstd, dy */
export function planRmsNormBackward({ rows, cols }: Omit<NormSizes, "eps">, facts: DeviceFacts): KernelCall {
  return planRows(normRmsBackward, { rows, cols }, { rows, cols }, facts);
}

/** y, stats [rows, 2] (mean, rstd) from x [rows, cols], w [cols], b [cols]: layer norm */
export function planLayerNorm({ rows, cols, eps }: NormSizes, facts: DeviceFacts): KernelCall {
  return planRows(normLayer, { rows, cols, eps }, { rows, cols }, facts);
}

/** dx from x, w, stats, dy */
export function planLayerNormBackward({ rows, cols }: Omit<NormSizes, "eps">, facts: DeviceFacts): KernelCall {
  return planRows(normLayerBackward, { rows, cols }, { rows, cols }, facts);
}

/** dw [cols] (+)= sum over rows of dy * normalised x, for both norms */
export function planNormWeightBackward(
  { rows, cols, hasMean, accumulate }: { rows: number; cols: number; hasMean: boolean; accumulate: boolean },
  _facts: DeviceFacts,
): KernelCall {
  return {
    kernel: normWeightBackward,
    variant: { HAS_MEAN: `${hasMean}` },
    params: { rows, cols, accumulate: accumulate ? 1 : 0 },
    workgroups: [Math.ceil(cols / 64), 1, 1],
    reason: "a lane owns a column",
    flops: 4 * rows * cols,
    bytes: 8 * rows * cols,
  };
}
