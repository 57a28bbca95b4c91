import { type DeviceFacts, spread } from "../facts.js";
import { embeddingClear, embeddingGather, embeddingScatter } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import type { MatmulStorage } from "../matmul/sizes.js";
import { byQuads, type SplitAxis } from "../split/axes.js";

export interface EmbeddingSizes {
  tokens: number;
  cols: number;
  /** Rows of the table. */
  rows: number;
  storage?: MatmulStorage;
}

/** y [tokens, cols] = table[ids, :] */
export function planEmbedding(sizes: EmbeddingSizes, facts: DeviceFacts): KernelCall {
  return planGather(sizes, 0, facts);
}

/** The table bound from row `first` on. */
function planGather(sizes: EmbeddingSizes, first: number, facts: DeviceFacts): KernelCall {
  const { tokens, cols, rows, storage = "f32" } = sizes;
  return {
    kernel: embeddingGather,
    variant: { STORAGE: { f32: "0u", bf16: "1u", f16: "2u" }[storage], Word: storage === "f32" ? "f32" : "u32" },
    params: { tokens, cols, rows, first },
    workgroups: spread(Math.ceil((tokens * cols) / 64), facts),
    reason: `table stored as ${storage}`,
    flops: 0,
    bytes: 8 * tokens * cols,
    splits: [
      byTokens({ ids: 4, y: 4 * cols }, tokens, (count) => planGather({ ...sizes, tokens: count }, first, facts)),
      {
        units: rows,
        cut: { table: (storage === "f32" ? 4 : 2) * cols },
        plan: (from, count) => planGather({ ...sizes, rows: count }, first + from, facts),
      },
    ],
  };
}

/** dtable[ids, :] += dy */
export function planEmbeddingBackward(sizes: EmbeddingSizes, facts: DeviceFacts): KernelCall {
  return planScatter(sizes, 0, facts);
}

/** dtable bound from row `first` on. Pieces of dy run one after the other, so sums keep the order of the tokens. */
function planScatter(sizes: EmbeddingSizes, first: number, facts: DeviceFacts): KernelCall {
  const { tokens, cols, rows } = sizes;
  const width = cols % 4 === 0 ? 4 : 1;
  return {
    kernel: embeddingScatter,
    variant: { Elem: width === 4 ? "vec4f" : "f32" },
    params: { tokens, cols: cols / width, rows, first },
    workgroups: spread(Math.ceil(cols / width / 32), facts),
    reason: `a lane owns ${width === 4 ? "four columns" : "a column"} and walks the tokens in order`,
    flops: tokens * cols,
    bytes: 12 * tokens * cols,
    splits: [
      byTokens({ ids: 4, dy: 4 * cols }, tokens, (count) => planScatter({ ...sizes, tokens: count }, first, facts)),
      {
        units: rows,
        cut: { dtable: 4 * cols },
        plan: (from, count) => planScatter({ ...sizes, rows: count }, first + from, facts),
      },
    ],
  };
}

function byTokens(cut: Record<string, number>, tokens: number, plan: (count: number) => KernelCall): SplitAxis {
  return { units: tokens, cut, plan: (_, count) => plan(count) };
}

/** y [count] = 0 */
export function planClear({ count }: { count: number }, facts: DeviceFacts): KernelCall {
  const quads = Math.ceil(count / 4);
  return {
    kernel: embeddingClear,
    variant: {},
    params: { quads },
    workgroups: spread(Math.ceil(quads / 64), facts),
    reason: "four elements a lane",
    flops: 0,
    bytes: 4 * count,
    ...byQuads(count, ["y"], (part) => planClear({ count: part }, facts)),
  };
}
