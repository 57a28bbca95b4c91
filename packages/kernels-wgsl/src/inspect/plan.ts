import { inspectRange } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import type { MatmulStorage } from "../matmul/sizes.js";

/** Words of one slot of `ranges`. */
export const RANGE_WORDS = 8;

/** ranges [slots, 8]: slot number `slot` = lowest, highest, count of NaN and Inf, the first of these and its bits, of x [count] */
export function planRange({ count, storage, slot }: { count: number; storage: MatmulStorage; slot: number }): KernelCall {
  return {
    kernel: inspectRange,
    variant: {},
    params: { count, format: { f32: 0, bf16: 1, f16: 2 }[storage], slot },
    workgroups: [1, 1, 1],
    reason: "debugging: one workgroup walks all",
    flops: 0,
    bytes: (storage === "f32" ? 4 : 2) * count,
  };
}
