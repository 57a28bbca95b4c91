import { type DeviceFacts, spread } from "../facts.js";
import { embeddingGather, embeddingScatter } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import type { MatmulStorage } from "../matmul/sizes.js";

export interface EmbeddingSizes {
  tokens: number;
  cols: number;
  /** Rows of the table. */
  rows: number;
  storage?: MatmulStorage;
}

/** y [tokens, cols] = table[ids, :] */
export function planEmbedding({ tokens, cols, rows, storage = "f32" }: EmbeddingSizes, facts: DeviceFacts): KernelCall {
  return {
    kernel: embeddingGather,
    variant: { STORAGE: { f32: "0u", bf16: "1u", f16: "2u" }[storage], Word: storage === "f32" ? "f32" : "u32" },
    params: { tokens, cols, rows },
    workgroups: spread(Math.ceil((tokens * cols) / 64), facts),
    reason: `table stored as ${storage}`,
    flops: 0,
    bytes: 8 * tokens * cols,
  };
}

/** dtable[ids, :] += dy */
export function planEmbeddingBackward({ tokens, cols, rows }: EmbeddingSizes, _facts: DeviceFacts): KernelCall {
  return {
    kernel: embeddingScatter,
    variant: {},
    params: { tokens, cols, rows },
    workgroups: [Math.ceil(cols / 32), 1, 1],
    reason: "a lane owns a column and walks the tokens in order",
    flops: tokens * cols,
    bytes: 12 * tokens * cols,
  };
}
