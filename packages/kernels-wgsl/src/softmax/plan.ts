import { type DeviceFacts, rowVariant, spread } from "../facts.js";
import { softmaxAttention, softmaxBackward } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";

export interface AttentionSoftmaxSizes {
  batch: number;
  heads: number;
  queries: number;
  keys: number;
  hasBias?: boolean;
  hasMask?: boolean;
  isCausal?: boolean;
  /** Keys beyond ProgramState.past are hidden: decoding over a KV cache. */
  isLive?: boolean;
}

/** p [batch, heads, query, key] = softmax over the visible keys of s + bias */
export function planAttentionSoftmax(sizes: AttentionSoftmaxSizes, facts: DeviceFacts): KernelCall {
  const { batch, heads, queries, keys, hasBias = false, hasMask = false, isCausal = false, isLive = false } = sizes;
  const { variant, replaceUses, lanes } = rowVariant(facts);
  const rows = batch * heads * queries;
  return {
    kernel: softmaxAttention,
    variant: { ...variant, LIVE: `${isLive}` },
    replaceUses,
    params: { rows, heads, queries, keys, has_bias: hasBias ? 1 : 0, has_mask: hasMask ? 1 : 0, is_causal: isCausal ? 1 : 0 },
    workgroups: spread(rows, facts),
    reason: `${lanes} lanes a row`,
    flops: 5 * rows * keys,
    bytes: 4 * rows * keys * 4,
  };
}

/** ds = p * (dp - sum(dp * p)) over the last axis */
export function planSoftmaxBackward({ rows, cols }: { rows: number; cols: number }, facts: DeviceFacts): KernelCall {
  const { variant, replaceUses, lanes } = rowVariant(facts);
  return {
    kernel: softmaxBackward,
    variant,
    replaceUses,
    params: { rows, cols },
    workgroups: spread(rows, facts),
    reason: `${lanes} lanes a row`,
    flops: 4 * rows * cols,
    bytes: 12 * rows * cols,
  };
}
