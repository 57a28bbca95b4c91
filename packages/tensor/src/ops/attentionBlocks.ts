// Attention's backward pass by blocks of queries: matmuls of the engine's own family with one kernel between them. Scores and their
// gradients exist for one block at a time, so memory is linear in the length, as with the flash kernels of kernels-wgsl/attention.
import {
  type AttentionBlock,
  type AttentionGradients,
  type AttentionSizes,
  attentionBlock,
  type MatmulSizes,
  planAttentionBiasBuckets,
  planAttentionBiasDiagonals,
  planAttentionBlockGradient,
  planMatmul,
} from "@attune/kernels-wgsl";
import type { BackwardContext, Gradient } from "../op.js";
import { Tensor } from "../tensor.js";
import type { AttentionInputs, AttentionWay } from "./attention.js";

/** p = exp(s - lse) and ds = p * (dp - delta) block by block; dv += p^T dy, dk += scale ds^T q, dq = scale ds k */
export function blockGradients(
  ctx: BackwardContext,
  { table, bucket_of }: AttentionInputs,
  whole: AttentionSizes,
  wants: AttentionGradients,
): AttentionWay {
  const { heads, queries, keys, bias = null } = whole;
  const sums = wants.bias ? ctx.empty([whole.batch, heads, queries + keys - 1]) : null;
  const blocks = blocksOf(whole); // of all groups alike: dk and dv are summed in their order
  const square = blocks.reduce((most, { rows, cols }) => Math.max(most, rows * fours(cols)), 0);
  const addGroup: AttentionWay["addGroup"] = (sizes, operands, { dq, dk, dv }) => {
    const { batch, dKv, scale } = sizes;
    const { q, k, v, dy } = operands;
    const s = ctx.empty([batch * heads * square]); // [batch, heads, rows, cols rounded up to 4] of the block at hand
    const dp = ctx.empty([batch * heads * square]);
    const width = heads * dKv;
    const atQuery = { rowStride: width, outerStride: queries * width, innerStride: dKv };
    const atKey = { rowStride: width, outerStride: keys * width, innerStride: dKv };
    blocks.forEach((block, turn) => {
      const { rows, cols } = block;
      const atSquare = { rowStride: fours(cols), outerStride: heads * rows * fours(cols), innerStride: rows * fours(cols) };
      const product = (of: Omit<MatmulSizes, "outer" | "inner">, a: Tensor, b: Tensor, c: Tensor): void =>
        ctx.run(planMatmul({ ...of, outer: batch, inner: heads }, ctx.facts), { a, b, c });
      const [qRows, dyRows] = [from(q, block.first), from(dy, block.first)];
      const scores = { layout: "nt", m: rows, n: cols, k: dKv, a: atQuery, b: atKey, c: atSquare } as const;
      product({ ...scores, alpha: scale }, qRows, k, s);
      product(scores, dyRows, v, dp);
      ctx.run(planAttentionBlockGradient(sizes, block, ctx.facts), { ...operands, s, dp });
      const accumulate = turn > 0;
      const turned = { layout: "tn", m: cols, n: dKv, k: rows, a: atSquare, b: atQuery, c: atKey, accumulate } as const;
      if (dv) product(turned, s, dyRows, dv);
      if (dk) product({ ...turned, alpha: scale }, dp, qRows, dk);
      const straight = { layout: "nn", m: rows, n: dKv, k: cols, a: atSquare, b: atKey, c: atQuery, alpha: scale } as const;
      if (dq) product(straight, dp, k, from(dq, block.first));
      if (sums) ctx.run(planAttentionBiasDiagonals(sizes, { ...block, accumulate }, ctx.facts), { ds: dp, sums });
    });
  };
  const dtable: Gradient = sums
    ? (into) => {
        const made = into ?? ctx.empty(table!.shape);
        const call = planAttentionBiasBuckets(whole, { ...bias!, accumulate: into !== null }, ctx.facts);
        ctx.run(call, { sums, bucket_of, dtable: made });
        return made;
      }
    : null;
  return { addGroup, dtable };
}

/** From the last block to the first: the first one run writes all of dk and dv, so under a causal mask it takes every key. */
function blocksOf(sizes: AttentionSizes): AttentionBlock[] {
  const { queries, keys, isCausal } = sizes;
  const step = attentionBlock(sizes);
  const count = Math.ceil(queries / step);
  return Array.from({ length: count }, (_, turn) => {
    const first = (count - 1 - turn) * step;
    const rows = Math.min(step, queries - first);
    return { first, rows, cols: isCausal && turn > 0 ? Math.min(keys, first + rows) : keys };
  });
}

const fours = (count: number): number => 4 * Math.ceil(count / 4);

/** x [batch, time, width] as if it began `row` steps later: strides stay, so every batch does. */
function from(x: Tensor, row: number): Tensor {
  if (row === 0) return x;
  const offset = 4 * row * x.shape[2]!;
  return new Tensor(
    x.device,
    x.storage.slice(offset, x.storage.bytes - offset, `${x.storage.label} from ${row}`),
    x.shape,
    x.dtype,
  );
}
