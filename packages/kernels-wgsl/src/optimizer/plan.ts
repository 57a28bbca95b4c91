import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import { optimizerAdamw, optimizerDecide } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import { byQuads } from "../split/axes.js";

/** Words of `struct Update` (lib/update.wgsl), by name: what the host writes and reads of it. */
export const UPDATE_WORDS = {
  good: 0,
  grown: 1,
  skipped: 2,
  isGood: 3,
  norm: 4,
  factor: 5,
  rate: 6,
  first: 7,
  second: 8,
} as const;

export interface DecideSizes {
  /** Partial sums of squares. */
  parts: number;
  /** Rows of the table of numbers by update. */
  rows: number;
  /** Largest norm of the whole gradient; 0 does not clip. */
  clip: number;
  /** Refuse an update whose gradient is not finite; or that and all that follow. */
  skips: boolean | "halt";
  /** Good updates in a row after which the loss scale doubles; 0: there is no loss scale. */
  interval: number;
}

/** step [1] and scale [1] from partial [parts] and numbers [rows, 4] */
export function planDecide({ parts, rows, clip, skips, interval }: DecideSizes, facts: DeviceFacts): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  return {
    kernel: optimizerDecide,
    variant,
    replaceUses,
    params: { parts, rows, clip, skips: skips === "halt" ? 2 : skips ? 1 : 0, interval },
    workgroups: [1, 1, 1],
    reason: `${lanes} lanes decide for all`,
    flops: parts,
    bytes: 8 * parts,
  };
}

export interface AdamWSizes {
  count: number;
  /** Elements from the first on that decay: a multiple of four. */
  decayed: number;
  decay: number;
  beta1: number;
  beta2: number;
  eps: number;
}

/** One AdamW step over an arena of parameters: p, m, v in place, as step [1] says */
export function planAdamW(sizes: AdamWSizes, facts: DeviceFacts): KernelCall {
  const { count, decayed, decay, beta1, beta2, eps } = sizes;
  const quads = Math.ceil(count / 4);
  return {
    kernel: optimizerAdamw,
    variant: {},
    params: { quads, decayed: decayed / 4, decay, beta1, beta2, rest1: 1 - beta1, rest2: 1 - beta2, eps },
    workgroups: spread(Math.ceil(quads / 64), facts),
    reason: "an arena at once",
    flops: 12 * count,
    bytes: 28 * count,
    ...byQuads(count, ["g", "p", "m", "v"], (part, first) =>
      planAdamW({ ...sizes, count: part, decayed: Math.min(part, Math.max(0, decayed - 4 * first)) }, facts),
    ),
  };
}
