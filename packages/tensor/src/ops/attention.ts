import {
  type AttentionGradients,
  type AttentionSizes,
  attentionBackwardWay,
  attentionBlock,
  attentionTiles,
  type DeviceFacts,
  planAttention,
  planAttentionBias,
  planAttentionBiasGradient,
  planAttentionDelta,
  planAttentionNumbers,
  planAttentionPart,
  planAttentionRows,
} from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { apply, type BackwardContext, type Gradient, type Op, type OpContext, wantF32, wantI32 } from "../op.js";
import type { ProgramState } from "../programState.js";
import { show } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { blockGradients } from "./attentionBlocks.js";
import { type AttentionGroup, attentionGroups, entriesOf } from "./attentionGroups.js";

/** T5's relative position bias: score[h, q, k] += table[buckets[k - q + offset], h]. */
export interface AttentionBias {
  /** f32 [buckets, heads]; gets a gradient if it wants one */
  table: Tensor;
  /** i32 [distances]: the bucket of each key - query, entry `offset` belonging to key == query */
  buckets: Tensor;
  offset: number;
}

export interface AttentionOptions {
  heads: number;
  /** Factor of the scores; dKv^-0.5 if absent. T5 has 1. */
  scale?: number;
  /** i32 [batch, key]: 0 hides the key */
  mask?: Tensor | null;
  /** Key k is hidden from query q if k > q. */
  isCausal?: boolean;
  /** Packed sequences, i32 [batch, time]: a query sees only keys of its own number. One tensor where queries and keys are the same tokens. */
  segments?: Tensor | { queries: Tensor; keys: Tensor } | null;
  bias?: AttentionBias | null;
  /** Drops probabilities, drawing from (seed, site, step, micro, element): backward draws the same again. */
  dropout?: { p: number; site: number; state: ProgramState } | null;
}

export interface AttentionAttrs {
  heads: number;
  scale: number;
  isCausal: boolean;
  hasMask: boolean;
  hasSegments: boolean;
  /** Entry of the buckets for key == query; null without a bias. */
  offset: number | null;
  dropout: { p: number; site: number; state: ProgramState } | null;
}

/** The inputs by name: q, k, v, then those that the attributes announce, in this order. */
export interface AttentionInputs {
  q: Tensor;
  k: Tensor;
  v: Tensor;
  table: Tensor | null;
  bucket_of: Tensor | null;
  mask: Tensor | null;
  query_segments: Tensor | null;
  key_segments: Tensor | null;
}

/** Up to so many queries the lanes share a row's keys rather than own a query each. */
const FEW_QUERIES = 4;

/** y [batch, query, heads * dKv] = softmax(scale * q k^T + bias) v by heads (Dao et al. 2022), its log-sum-exp kept for backward. */
export const attentionOp: Op<AttentionAttrs> = {
  name: "attention",
  forward(ctx, inputs, attrs) {
    const named = namesOf(inputs, attrs);
    const sizes = sizesOf(named, attrs);
    const { heads, queries } = sizes;
    const isByRows = queries <= FEW_QUERIES && attrs.dropout === null;
    const bias_of = biasOf(ctx, named, sizes);
    const y = ctx.empty(named.q.shape);
    for (const group of groupsOf(sizes, ctx.facts)) {
      const part = { ...sizes, batch: group.count, first: group.first };
      const numbers = numbersOf(ctx, named, part);
      const stats = ctx.empty([2, group.count, heads, queries]); // lse, and delta once backward has it
      const call = isByRows ? planAttentionRows(part, ctx.facts) : planAttention(part, ctx.facts);
      ctx.run(call, { ...operandsOf(named, group), numbers, bias_of, state: stateOf(attrs), y: entriesOf(y, group), stats });
      ctx.save(stats, ...(numbers ? [numbers] : []));
    }
    if (bias_of) ctx.save(bias_of);
    return y;
  },
  backward(ctx, dy, attrs) {
    const named = namesOf(ctx.inputs, attrs);
    const sizes = sizesOf(named, attrs);
    const saved = [...ctx.saved];
    const groups = groupsOf(sizes, ctx.facts).map((group) => ({
      ...group,
      stats: saved.shift()!,
      numbers: sizes.hasNumbers ? saved.shift()! : null,
    }));
    const bias_of = sizes.bias ? saved.shift()! : null;
    const wants = { q: ctx.needs[0]!, k: ctx.needs[1]!, v: ctx.needs[2]!, bias: named.table !== null && ctx.needs[3]! };
    const way = attentionBackwardWay(ctx.facts) === "blocks" ? blockGradients : tileGradients;
    const results = {
      dq: wants.q ? ctx.empty(named.q.shape) : null,
      dk: wants.k ? ctx.empty(named.k.shape) : null,
      dv: wants.v ? ctx.empty(named.v.shape) : null,
    };
    const { addGroup, dtable } = way(ctx, named, sizes, wants);
    for (const { stats, numbers, ...group } of groups) {
      const part = { ...sizes, batch: group.count, first: group.first };
      const dyPart = entriesOf(dy, group);
      ctx.run(planAttentionDelta(part, ctx.facts), { dy: dyPart, y: entriesOf(ctx.output, group), stats });
      const operands = { ...operandsOf(named, group), dy: dyPart, stats, numbers, bias_of, state: stateOf(attrs) };
      const of = (made: Tensor | null): Tensor | null => made && entriesOf(made, group);
      addGroup(part, operands, { dq: of(results.dq), dk: of(results.dk), dv: of(results.dv) });
    }
    const gradients = [results.dq, results.dk, results.dv, dtable];
    return ctx.inputs.map((_, i) => (i < 3 || named.table ? (gradients[i] ?? null) : null));
  },
};

/** What a backward pass reads: the op's inputs and what was kept or computed. */
export interface AttentionOperands extends AttentionInputs {
  dy: Tensor;
  /** [2, batch, heads, query], log-sum-exp of the scores, rowsum(dy * y) */
  stats: Tensor;
  numbers: Tensor | null;
  bias_of: Tensor | null;
  state: Tensor | null;
}
/** What of them is wanted, each [batch, query or key, heads * dKv]. */
export interface AttentionResults {
  dq: Tensor | null;
  dk: Tensor | null;
  dv: Tensor | null;
}
/** One way to compute gradients: group by group, the table's once all have run. */
export interface AttentionWay {
  addGroup(sizes: AttentionSizes, operands: AttentionOperands, results: AttentionResults): void;
  dtable: Gradient;
}

/** Flash kernels: one walk for dq and the bias's part, one for dk and dv. */
function tileGradients(
  ctx: BackwardContext,
  { table }: AttentionInputs,
  sizes: AttentionSizes,
  wants: AttentionGradients,
): AttentionWay {
  const { batch, heads, bias = null } = sizes;
  const nothing = (): Tensor => ctx.empty([4]); // an output may not share memory with another
  const tiles = attentionTiles("queries", sizes, ctx.facts);
  const partial = wants.bias ? ctx.empty([batch, heads, tiles, bias!.buckets]) : null;
  const addGroup: AttentionWay["addGroup"] = (part, operands, { dq, dk, dv }) => {
    if (wants.q || wants.bias) {
      const call = planAttentionPart("queries", part, wants, ctx.facts);
      ctx.run(call, { ...operands, dq: dq ?? nothing(), partial: partial ?? nothing() });
    }
    if (wants.k || wants.v) {
      ctx.run(planAttentionPart("keys", part, wants, ctx.facts), { ...operands, dk: dk ?? nothing(), dv: dv ?? nothing() });
    }
  };
  const dtable: Gradient = partial
    ? (into) => {
        const made = into ?? ctx.empty(table!.shape);
        const sum = { batch, heads, tiles, buckets: bias!.buckets, accumulate: into !== null };
        ctx.run(planAttentionBiasGradient(sum, ctx.facts), { partial, dtable: made });
        return made;
      }
    : null;
  return { addGroup, dtable };
}

/** The groups that bindings hold, forward and backward alike: what one keeps the other reads. */
function groupsOf(sizes: AttentionSizes, facts: DeviceFacts): AttentionGroup[] {
  const blockRows = attentionBackwardWay(facts) === "blocks" ? attentionBlock(sizes) : null;
  return attentionGroups(sizes, blockRows, facts);
}

/** Masks and segments of a group as one number a query and key: [count * (query + key)] */
function numbersOf(
  ctx: OpContext,
  { mask, query_segments, key_segments }: AttentionInputs,
  { hasNumbers, ...sizes }: AttentionSizes,
): Tensor | null {
  if (!hasNumbers) return null;
  const { batch, queries, keys } = sizes;
  const numbers = ctx.empty([batch * (queries + keys)], "i32");
  const has = { hasMask: mask !== null, hasSegments: query_segments !== null };
  ctx.run(planAttentionNumbers({ ...sizes, ...has }, ctx.facts), { mask, query_segments, key_segments, numbers });
  return numbers;
}

/** T5's bias by distance: [heads, distances, 2] */
function biasOf(ctx: OpContext, { table, bucket_of }: AttentionInputs, { heads, bias }: AttentionSizes): Tensor | null {
  if (!table) return null;
  const distances = bias!.distances;
  const bias_of = ctx.empty([heads, distances, 2], "u32");
  ctx.run(planAttentionBias({ heads, distances }, ctx.facts), { table, bucket_of, bias_of });
  return bias_of;
}

function operandsOf(named: AttentionInputs, group: AttentionGroup): AttentionInputs {
  const [q, k, v] = [named.q, named.k, named.v].map((x) => entriesOf(x, group)) as [Tensor, Tensor, Tensor];
  return { ...named, q, k, v };
}

function stateOf({ dropout }: AttentionAttrs): Tensor | null {
  return dropout?.state.tensor ?? null;
}

function namesOf(inputs: readonly Tensor[], { offset, hasMask, hasSegments }: AttentionAttrs): AttentionInputs {
  const [q, k, v, ...rest] = inputs as [Tensor, Tensor, Tensor];
  const next = (is: boolean): Tensor | null => (is ? (rest as Tensor[]).shift()! : null);
  const hasBias = offset !== null;
  return {
    q, k, v, table: next(hasBias), bucket_of: next(hasBias), mask: next(hasMask),
    query_segments: next(hasSegments), key_segments: next(hasSegments),
  }; // biome-ignore format: in order
}

function sizesOf(named: AttentionInputs, attrs: AttentionAttrs): AttentionSizes {
  const { q, k, table, bucket_of } = named;
  const { heads, scale, isCausal, hasMask, hasSegments, offset, dropout } = attrs;
  const hasNumbers = hasMask || hasSegments;
  const [batch, queries, width] = q.shape as [number, number, number];
  const bias = table ? { buckets: table.shape[0]!, offset: offset!, distances: bucket_of!.size } : null;
  return { batch, heads, queries, keys: k.shape[1]!, dKv: width / heads, scale, isCausal, hasNumbers, bias, dropout };
}

/**
 * softmax(scale * q k^T + bias) v for each head: q [batch, query, heads * dKv], k and v [batch, key, heads * dKv] ->
 * [batch, query, heads * dKv]. The [query, key] scores are never in memory. A query that sees no key gets zeros.
 *
 * @throws TensorError on shapes or dtypes that do not fit
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const { heads, mask = null, isCausal = false, segments = null, bias = null } = options;
  const dropout = options.dropout && options.dropout.p > 0 ? options.dropout : null;
  const { batch, queries, keys, dKv } = checkOperands(q, k, v, heads);
  const scale = options.scale ?? dKv ** -0.5;
  const [querySegments, keySegments] =
    segments === null ? [] : "queries" in segments ? [segments.queries, segments.keys] : [segments, segments];
  if (mask) checkNumbers("mask", mask, batch, keys, "key");
  if (querySegments) checkNumbers("segments of the queries", querySegments, batch, queries, "query");
  if (keySegments) checkNumbers("segments of the keys", keySegments, batch, keys, "key");
  if (bias) checkBias(bias, heads, queries, keys);
  if (dropout && !(dropout.p < 1)) throw new TensorError(`attention: dropout p must be in [0, 1), got ${dropout.p}`);
  const optional = [bias?.table, bias?.buckets, mask, querySegments, keySegments];
  const inputs = [q, k, v, ...optional.filter((given): given is Tensor => Boolean(given))];
  return apply(attentionOp, inputs, {
    heads, scale, isCausal, hasMask: mask !== null, hasSegments: segments !== null, offset: bias?.offset ?? null, dropout,
  }); // biome-ignore format: on one line
}

function checkOperands(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  heads: number,
): { batch: number; queries: number; keys: number; dKv: number } {
  for (const [name, given] of Object.entries({ q, k, v })) wantF32("attention", name, given);
  const [batch, queries, width] = q.shape as [number, number, number];
  const keys = k.shape[1]!;
  const fits = q.shape.length === 3 && show(k.shape) === show([batch, keys, width]) && show(v.shape) === show(k.shape);
  if (!fits || width % heads !== 0) {
    throw new TensorError(
      `attention: q ${show(q.shape)}, k ${show(k.shape)}, v ${show(v.shape)} must be [batch, query or key, heads * dKv] with one batch and ${heads} heads, k and v alike`,
    );
  }
  return { batch, queries, keys, dKv: width / heads };
}

function checkNumbers(name: string, given: Tensor, batch: number, time: number, axis: string): void {
  wantI32("attention", name, given);
  if (show(given.shape) !== show([batch, time])) {
    throw new TensorError(`attention: ${name} ${show(given.shape)} must be [batch, ${axis}] = ${show([batch, time])}`);
  }
}

function checkBias({ table, buckets, offset }: AttentionBias, heads: number, queries: number, keys: number): void {
  wantF32("attention", "bias table", table);
  wantI32("attention", "bias buckets", buckets);
  const reach = queries - 1; // the last query stands so far behind the first key
  if (table.shape.length !== 2 || table.shape[1] !== heads || reach > offset || keys - 1 + offset >= buckets.size) {
    throw new TensorError(
      `attention: bias table ${show(table.shape)} must be [buckets, heads] with ${heads} heads, and its buckets ${show(buckets.shape)} with offset ${offset} must cover distances ${-reach} to ${keys - 1}`,
    );
  }
}
