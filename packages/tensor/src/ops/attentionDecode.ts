import { planAttentionBias, planAttentionDecode } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { OpContext, wantF32, wantI32 } from "../op.js";
import type { ProgramState } from "../programState.js";
import { show } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { AttentionBias } from "./attention.js";

export interface DecodeAttentionOptions {
  heads: number;
  /** Factor of the scores; dKv^-0.5 if absent. T5 has 1. */
  scale?: number;
  /** i32 [rows or sources, positions]: where in its source's region the key of a position lies; negative: hidden */
  places: Tensor;
  /** The query stands at position first + state.past and sees no later one. Absent: it sees all positions. */
  live?: { first: number; state: ProgramState } | null;
  bias?: AttentionBias | null;
}

/**
 * Attention of one query a row over a cache of keys and values: q [rows, 1, heads * dKv], k and v [sources, region, heads * dKv] ->
 * [rows, 1, heads * dKv]. rows / sources rows (beams, samples) share a region; `places` tells which key of it a position has, so that
 * beams change places without a copy. A query that sees no key gets zeros. Not differentiable.
 *
 * @throws TensorError on shapes or dtypes that do not fit
 */
export function decodeAttention(q: Tensor, k: Tensor, v: Tensor, options: DecodeAttentionOptions): Tensor {
  const { heads, places, live = null, bias = null } = options;
  for (const [name, given] of Object.entries({ q, k, v })) wantF32("decodeAttention", name, given);
  wantI32("decodeAttention", "places", places);
  const [rows, queries, width] = q.shape as [number, number, number];
  const [sources, region] = k.shape as [number, number];
  const [placed, positions] = places.shape as [number, number];
  const fits = queries === 1 && show(k.shape) === show([sources, region, width]) && show(v.shape) === show(k.shape);
  if (!fits || width % heads !== 0 || rows % sources !== 0 || (placed !== rows && placed !== sources)) {
    throw new TensorError(
      `decodeAttention: q ${show(q.shape)}, k ${show(k.shape)}, v ${show(v.shape)} and places ${show(places.shape)} must be [rows, 1, heads * dKv], [sources, region, heads * dKv] twice and [rows or sources, positions], with ${heads} heads and rows a multiple of sources`,
    );
  }
  if (bias) checkBias(bias, heads, positions, live !== null);
  const dKv = width / heads;
  const ctx = new OpContext(q.device, "decodeAttention");
  const distances = bias?.buckets.size ?? 0;
  const bias_of = bias ? ctx.empty([heads, distances, 2], "u32") : null;
  if (bias) ctx.run(planAttentionBias({ heads, distances }, ctx.facts), { table: bias.table, bucket_of: bias.buckets, bias_of });
  const y = ctx.empty(q.shape);
  const call = planAttentionDecode(
    {
      ...{ rows, heads, dKv, scale: options.scale ?? dKv ** -0.5, positions, region },
      ...{ sourceRows: rows / sources, placeRows: rows / placed, first: live?.first ?? null },
      bias: bias && { offset: bias.offset, distances },
    },
    ctx.facts,
  );
  ctx.run(call, { q, k, v, places, bias_of, state: live?.state.tensor ?? null, y });
  return y;
}

function checkBias({ table, buckets, offset }: AttentionBias, heads: number, positions: number, isLive: boolean): void {
  wantF32("decodeAttention", "bias table", table);
  wantI32("decodeAttention", "bias buckets", buckets);
  const reach = isLive ? positions - 1 : 0; // the query stands so far behind the first key
  if (
    table.shape.length !== 2 ||
    table.shape[1] !== heads ||
    reach > offset ||
    (isLive ? 0 : positions - 1) + offset >= buckets.size
  ) {
    throw new TensorError(
      `decodeAttention: bias table ${show(table.shape)} must be [buckets, heads] with ${heads} heads, and its buckets ${show(buckets.shape)} with offset ${offset} must cover distances ${-reach} to ${isLive ? 0 : positions - 1}`,
    );
  }
}
