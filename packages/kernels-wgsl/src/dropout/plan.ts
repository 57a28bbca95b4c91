import { each } from "../elementwise/pointwise.js";
import { type DeviceFacts, spread } from "../facts.js";
import { dropoutDropout } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import { byQuads } from "../split/axes.js";

/** y = x / (1 - p) with probability 1 - p, else 0; p in [0, 1). The same call on dy gives dx. */
export function planDropout(sizes: { count: number; p: number; site: number }, facts: DeviceFacts): KernelCall {
  return planPart(sizes, 0, facts);
}

/** Elements from quad number `first` on: they draw what they would draw in one call. */
function planPart({ count, p, site }: { count: number; p: number; site: number }, first: number, facts: DeviceFacts): KernelCall {
  if (!(p >= 0 && p < 1)) throw new Error(`dropout: p must be in [0, 1), not ${p}`);
  const quads = Math.ceil(count / 4);
  const numbers = { site, threshold: Math.floor(p * 2 ** 32), scale: 1 / (1 - p) };
  return {
    kernel: dropoutDropout,
    variant: {},
    params: { quads, ...numbers, first },
    workgroups: spread(Math.ceil(quads / 64), facts),
    reason: "one Philox block a lane",
    flops: 30 * count,
    bytes: 8 * count,
    pointwise: { op: "dropout", count, operands: each("x"), result: "y", numbers },
    ...byQuads(count, ["x", "y"], (part, from) => planPart({ count: part, p, site }, first + from, facts)),
  };
}
