import { type DeviceFacts, spread } from "../facts.js";
import { optimizerAdamw } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import { byQuads } from "../split/axes.js";

export interface AdamWSizes {
  count: number;
  decay: number;
  beta1: number;
  beta2: number;
  eps: number;
  /** Largest norm of the whole gradient; 0 does not clip. */
  clip: number;
}

/** One AdamW step over a range of the parameter arena: p, m, v in place */
export function planAdamW({ count, decay, beta1, beta2, eps, clip }: AdamWSizes, facts: DeviceFacts): KernelCall {
  const quads = Math.ceil(count / 4);
  return {
    kernel: optimizerAdamw,
    variant: {},
    params: { quads, decay, beta1, beta2, rest1: 1 - beta1, rest2: 1 - beta2, eps, clip },
    workgroups: spread(Math.ceil(quads / 64), facts),
    reason: "a range of the arena at once",
    flops: 12 * count,
    bytes: 28 * count,
    ...byQuads(count, ["g", "p", "m", "v"], (part) => planAdamW({ count: part, decay, beta1, beta2, eps, clip }, facts)),
  };
}
