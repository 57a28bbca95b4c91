import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import {
  normAddLayer,
  normAddRms,
  normLayer,
  normLayerBackward,
  normRms,
  normRmsBackward,
  normWeightBackward,
} from "../generated/kernels.js";
import type { Kernel, KernelCall } from "../kernel.js";
import { byRows } from "../split/axes.js";

/** Bytes of a row of all that calls over rows [rows, cols] bind; w, b and shift are bound whole. */
const rowBytes = (cols: number): Record<string, number> => ({
  ...Object.fromEntries(["x", "y", "dy", "dx", "residual"].map((name) => [name, 4 * cols])),
  rstd: 4,
  stats: 8,
});

export interface NormSizes {
  rows: number;
  cols: number;
  eps: number;
}

/** What a call over rows is, for passes: the norm itself, or the gradient of its input. */
export interface NormCall extends NormSizes {
  readonly kind: "rms" | "layer";
  readonly direction: "forward" | "backward";
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
  const norm: NormCall = { kind: "rms", direction: "forward", rows, cols, eps };
  const call = planRows(normRms, { rows, cols, eps }, { rows, cols }, facts);
  return { ...call, norm, ...byRows(rows, rowBytes(cols), (part) => planRmsNorm({ rows: part, cols, eps }, facts)) };
}

interface NormBackwardSizes extends Omit<NormSizes, "eps"> {
  /** Adds the storage bound as residual to dx; without, nothing is read from it. */
  hasResidual?: boolean;
}

/** dx from x, w, rstd, dy (+ residual) */
export function planRmsNormBackward(sizes: NormBackwardSizes, facts: DeviceFacts): KernelCall {
  return planBackward("rms", sizes, facts);
}

function planBackward(
  kind: NormCall["kind"],
  { rows, cols, hasResidual = false }: NormBackwardSizes,
  facts: DeviceFacts,
): KernelCall {
  const call = planRows(kind === "rms" ? normRmsBackward : normLayerBackward, { rows, cols }, { rows, cols }, facts);
  const variant = { ...call.variant, HAS_RESIDUAL: `${hasResidual}` };
  const split = byRows(rows, rowBytes(cols), (part) => planBackward(kind, { rows: part, cols, hasResidual }, facts));
  // one that adds already takes no more: a pass must not see it as a plain one
  return hasResidual
    ? { ...call, ...split, variant, bytes: call.bytes + 4 * rows * cols, reason: `${call.reason}, residual added` }
    : { ...call, ...split, variant, norm: { kind, direction: "backward", rows, cols, eps: 0 } };
}

/** y, stats [rows, 2] (mean, rstd) from x [rows, cols], w [cols], b [cols]: layer norm */
export function planLayerNorm({ rows, cols, eps }: NormSizes, facts: DeviceFacts): KernelCall {
  const norm: NormCall = { kind: "layer", direction: "forward", rows, cols, eps };
  const call = planRows(normLayer, { rows, cols, eps }, { rows, cols }, facts);
  return { ...call, norm, ...byRows(rows, rowBytes(cols), (part) => planLayerNorm({ rows: part, cols, eps }, facts)) };
}

/** sum = a + alpha * b [rows, cols] and its norm: y, and rstd [rows] or stats [rows, 2]; layer norm's b is bound as shift */
export function planAddNorm(
  { kind, rows, cols, eps, alpha }: Omit<NormCall, "direction"> & { alpha: number },
  facts: DeviceFacts,
): KernelCall {
  const kernel = kind === "rms" ? normAddRms : normAddLayer;
  const call = planRows(kernel, { rows, cols, eps, alpha }, { rows, cols }, facts);
  return { ...call, flops: 8 * rows * cols, bytes: 16 * rows * cols, reason: `${call.reason}, residual added` };
}

/** dx from x, w, stats, dy (+ residual) */
export function planLayerNormBackward(sizes: NormBackwardSizes, facts: DeviceFacts): KernelCall {
  return planBackward("layer", sizes, facts);
}

/** dw [cols] (+)= sum over rows of dy * normalised x, for both norms */
export function planNormWeightBackward(
  { rows, cols, hasMean, accumulate }: { rows: number; cols: number; hasMean: boolean; accumulate: boolean },
  facts: DeviceFacts,
): KernelCall {
  const bytes = { x: 4 * cols, dy: 4 * cols, stats: hasMean ? 8 : 4 };
  return {
    kernel: normWeightBackward,
    variant: { HAS_MEAN: `${hasMean}` },
    params: { rows, cols, accumulate: accumulate ? 1 : 0 },
    workgroups: [Math.ceil(cols / 64), 1, 1],
    reason: "a lane owns a column",
    flops: 4 * rows * cols,
    bytes: 8 * rows * cols,
    ...byRows(rows, bytes, (part, first) =>
      planNormWeightBackward({ rows: part, cols, hasMean, accumulate: accumulate || first > 0 }, facts),
    ),
  };
}
