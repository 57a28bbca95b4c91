// Every attention kernel by itself, those for GPUs too: a kernel of the backward pass gets any log-sum-exp and delta, not only true ones.
import {
  type AttentionBlock,
  planAttentionBiasBuckets,
  planAttentionBiasDiagonals,
  planAttentionBlockGradient,
  planAttentionRows,
} from "../../attention/blocks.js";
import {
  planAttention,
  planAttentionBias,
  planAttentionBiasGradient,
  planAttentionDelta,
  planAttentionNumbers,
} from "../../attention/plan.js";
import type { Dims, KernelCase, KernelInput } from "../kernelCase.js";
import { attentionConditions, attentionForward, attentionScores } from "../references/attentionBackward.js";
import type { Values } from "../references.js";
import {
  BUCKETS,
  bound,
  conditionInputs,
  conditions,
  distancesOf,
  dKvOf,
  every,
  none,
  offsetOf,
  operands,
  PAST,
  partsOf,
  rowsOf,
  sizes,
  sizesOf,
  statsInput,
  withLse,
} from "./attentionInputs.js";
import { partCase } from "./attentionTiles.js";
import { flat } from "./common.js";

const forwardCase = (isVec4: boolean): KernelCase => {
  const dKvs = (dims: Dims): number => (isVec4 ? 4 * dKvOf(dims) : 2 * dKvOf(dims) + 1);
  return {
    name: `attention/forward${isVec4 ? "" : ", a head size of no fours"}`,
    dims: { ...sizes, ...conditions, dKv: [1, isVec4 ? 32 : 10] },
    edges: [
      { batch: 2, heads: 3, queries: 37, keys: 35, dKv: 2, ...every, why: "all conditions; more than a tile both ways" },
      { batch: 1, heads: 2, queries: 9, keys: 70, dKv: 3, ...none, why: "no conditions; several blocks of keys" },
      { batch: 2, heads: 1, queries: 10, keys: 13, dKv: 2, ...every, causal: 0, why: "not causal, keys of no fours" },
      {
        batch: 1,
        heads: 5,
        queries: 4,
        keys: 33,
        dKv: 1,
        ...none,
        why: "a last block of one key; a folded grid with a tile too many",
      },
      { batch: 1, heads: 1, queries: 7, keys: 9, dKv: 1, ...none, causal: 1, why: "the last query is a lane's third column" },
      { batch: 1, heads: 67, queries: 3, keys: 3, dKv: 1, ...none, why: "a folded grid, also of workgroups of 32 tiles" },
    ],
    plan: (dims, facts) => planAttention(sizesOf(dims, dKvs(dims)), facts),
    inputs: (dims) => ({ ...operands(dims, dKvs(dims)), ...conditionInputs(dims, true), stats: statsInput(dims) }),
    reference: (inputs, dims, state) => {
      const { y, lse } = attentionForward(partsOf(dims, dKvs(dims), inputs, state), inputs.q!, inputs.k!, inputs.v!);
      return { y, stats: withLse(inputs.stats!, lse) };
    },
    bound,
    checksExtremes: true,
  };
};

const rowsCase: KernelCase = {
  name: "attention/rows",
  dims: { ...sizes, queries: [1, 4], keys: [1, 40], numbers: [0, 1], bias: [0, 1], dKv: [1, 140] },
  edges: [
    {
      batch: 2,
      heads: 3,
      queries: 3,
      keys: 21,
      causal: 1,
      numbers: 1,
      bias: 1,
      dKv: 20,
      why: "all conditions; turns of the lanes",
    },
    { batch: 1, heads: 2, queries: 2, keys: 19, causal: 0, numbers: 0, bias: 0, dKv: 5, why: "none of them" },
    {
      batch: 1,
      heads: 2,
      queries: 3,
      keys: 19,
      causal: 1,
      numbers: 0,
      bias: 0,
      dKv: 5,
      why: "causal alone: numbers may hide the next key, too",
    },
  ],
  plan: (dims, facts) => planAttentionRows({ ...sizesOf(dims, dKvOf(dims)), dropout: null }, facts),
  inputs: (dims) => ({ ...operands(dims, dKvOf(dims)), ...conditionInputs(dims, true), stats: statsInput(dims) }),
  reference: (inputs, dims, state) => {
    const { y, lse } = attentionForward(partsOf(dims, dKvOf(dims), inputs, state), inputs.q!, inputs.k!, inputs.v!);
    return { y, stats: withLse(inputs.stats!, lse) };
  },
  bound,
  checksExtremes: true,
};

/** A block of queries from `skip` * 4 on; keys up to `cols`. */
const blockOf = ({ queries, keys, skip, hidden }: Dims): AttentionBlock => {
  const first = Math.min(4 * skip!, queries! - 1);
  return { first, rows: queries! - first, cols: Math.max(1, keys! - hidden!) };
};
const block = { skip: [0, 4], hidden: [0, 3] } as const;

export const attentionCases: readonly KernelCase[] = [
  forwardCase(true),
  forwardCase(false),
  partCase("queries", true),
  partCase("queries", false),
  partCase("keys", true),
  partCase("keys", false),
  rowsCase,
  {
    name: "attention/block_gradient",
    dims: { ...sizes, ...conditions, ...block },
    edges: [
      { batch: 2, heads: 3, queries: 11, keys: 39, ...every, skip: 1, hidden: 2, why: "all conditions, a block in the middle" },
      { batch: 1, heads: 2, queries: 9, keys: 70, ...none, skip: 0, hidden: 0, why: "none; a second turn of the lanes" },
      { batch: 2, heads: 1, queries: 6, keys: 9, ...every, causal: 0, skip: 0, hidden: 0, why: "not causal" },
    ],
    plan: (dims, facts) => planAttentionBlockGradient(sizesOf(dims, 4), blockOf(dims), facts),
    inputs: (dims) => {
      const { rows, cols } = blockOf(dims);
      const shape = [dims.batch!, dims.heads!, rows, 4 * Math.ceil(cols / 4)];
      return { s: { shape }, dp: { shape }, stats: statsInput(dims), ...conditionInputs(dims) };
    },
    reference: (inputs, dims, state) => {
      const { first, rows, cols } = blockOf(dims);
      const { stats, s, dp } = inputs as Record<"stats" | "s" | "dp", Values>;
      const parts = partsOf(dims, 1, inputs, state);
      const { batch, heads, queries, keys } = parts;
      const { visible, keep } = attentionConditions(parts);
      const nothing = flat([batch * Math.max(queries, keys) * heads], () => 0);
      const bias = attentionScores(parts, nothing, nothing).scores; // of zeros: the bias alone
      const stride = s.shape[3]!;
      const at = (i: number) => {
        const [line, key] = [Math.floor(i / stride), i % stride];
        const row = Math.floor(line / rows) * queries + first + (line % rows);
        const isSeen = key < cols && visible.data[row * keys + key] === 1;
        const p = isSeen ? Math.exp(s.data[i]! + bias.data[row * keys + key]! - stats.data[row]!) : 0;
        return { p, kept: isSeen ? keep.data[row * keys + key]! : 0, delta: stats.data[rowsOf(dims) + row]! };
      };
      return {
        s: flat(s.shape, (i) => at(i).p * at(i).kept),
        dp: flat(s.shape, (i) => at(i).p * (at(i).kept * dp.data[i]! - at(i).delta)),
      };
    },
  },
  {
    name: "attention/bias_diagonals",
    dims: { ...sizes, ...block, accumulate: [0, 1], first: [0, 2] },
    edges: [
      {
        batch: 2,
        heads: 3,
        queries: 13,
        keys: 11,
        causal: 0,
        skip: 1,
        hidden: 2,
        accumulate: 1,
        first: 1,
        why: "added; a block in the middle, of the second entry on",
      },
      {
        batch: 1,
        heads: 2,
        queries: 70,
        keys: 7,
        causal: 0,
        skip: 0,
        hidden: 0,
        accumulate: 0,
        first: 0,
        why: "more queries than keys",
      },
    ],
    plan: (dims, facts) =>
      planAttentionBiasDiagonals(sizesOf(dims, 4), { ...blockOf(dims), accumulate: dims.accumulate === 1 }, facts),
    inputs: (dims) => {
      const { rows, cols } = blockOf(dims);
      return {
        ds: { shape: [dims.batch!, dims.heads!, rows, 4 * Math.ceil(cols / 4)] },
        sums: { shape: [(dims.first! + dims.batch!) * dims.heads!, dims.queries! + dims.keys! - 1] },
      };
    },
    reference: ({ ds, sums }, dims) => {
      const { first, rows, cols } = blockOf(dims);
      const diagonals = dims.queries! + dims.keys! - 1;
      const before = dims.first! * dims.heads!; // heads of entries that other calls write
      const data = sums!.data.slice();
      if (!dims.accumulate) data.fill(0, before * diagonals);
      const stride = ds!.shape[3]!;
      ds!.data.forEach((value, i) => {
        const [line, key] = [Math.floor(i / stride), i % stride];
        if (key >= cols) return;
        const place = (before + Math.floor(line / rows)) * diagonals + key - (first + (line % rows)) + dims.queries! - 1;
        data[place] = data[place]! + value;
      });
      return { sums: { shape: sums!.shape, data } };
    },
  },
  {
    name: "attention/bias_buckets",
    dims: { batch: [1, 3], heads: [1, 30], queries: [1, 20], keys: [1, 20], accumulate: [0, 1] },
    edges: [
      { batch: 2, heads: 29, queries: 7, keys: 9, accumulate: 1, why: "three workgroups; added to what is there" },
      { batch: 3, heads: 2, queries: 5, keys: 3, accumulate: 0, why: "written over what is there" },
    ],
    plan: ({ accumulate, ...dims }, facts) => {
      const bias = { buckets: BUCKETS, offset: offsetOf({ queries: dims.queries!, past: PAST }), accumulate: accumulate === 1 };
      return planAttentionBiasBuckets(sizesOf(dims, 4), bias, facts);
    },
    inputs: (dims) => ({
      sums: { shape: [dims.batch!, dims.heads!, dims.queries! + dims.keys! - 1] },
      bucket_of: { shape: [distancesOf(dims)], dtype: "i32", draw: (random) => Math.floor(BUCKETS * random()) },
      dtable: { shape: [BUCKETS, dims.heads!] },
    }),
    reference: ({ sums, bucket_of, dtable }, { heads, queries, keys, accumulate }) => {
      const data = accumulate ? dtable!.data.slice() : new Float64Array(dtable!.data.length);
      const diagonals = queries! + keys! - 1;
      sums!.data.forEach((value, i) => {
        const distance = (i % diagonals) - (queries! - 1) + offsetOf({ queries: queries!, past: PAST });
        const place = bucket_of!.data[distance]! * heads! + (Math.floor(i / diagonals) % heads!);
        data[place] = data[place]! + value;
      });
      return { dtable: { shape: dtable!.shape, data } };
    },
  },
  {
    name: "attention/bias_gradient",
    dims: { batch: [1, 3], heads: [1, 30], tiles: [1, 5], accumulate: [0, 1] },
    edges: [
      { batch: 2, heads: 29, tiles: 3, accumulate: 1, why: "three workgroups; added to what is there" },
      { batch: 3, heads: 2, tiles: 2, accumulate: 0, why: "written over what is there" },
    ],
    plan: ({ batch, heads, tiles, accumulate }, facts) =>
      planAttentionBiasGradient(
        { batch: batch!, heads: heads!, tiles: tiles!, buckets: BUCKETS, accumulate: accumulate === 1 },
        facts,
      ),
    inputs: ({ batch, heads, tiles }) => ({
      partial: { shape: [batch!, heads!, tiles!, BUCKETS] },
      dtable: { shape: [BUCKETS, heads!] },
    }),
    reference: ({ partial, dtable }, { heads, tiles, accumulate }) => {
      const data = accumulate ? dtable!.data.slice() : new Float64Array(dtable!.data.length);
      partial!.data.forEach((value, i) => {
        const place = (i % BUCKETS) * heads! + (Math.floor(i / (BUCKETS * tiles!)) % heads!);
        data[place] = data[place]! + value;
      });
      return { dtable: { shape: dtable!.shape, data } };
    },
  },
  {
    name: "attention/bias_of",
    dims: { heads: [1, 8], distances: [1, 60] },
    edges: [{ heads: 3, distances: 47, why: "three workgroups" }],
    plan: ({ heads, distances }, facts) => planAttentionBias({ heads: heads!, distances: distances! }, facts),
    inputs: ({ heads, distances }) => ({
      table: { shape: [BUCKETS, heads!] },
      bucket_of: { shape: [distances!], dtype: "i32", draw: (random) => Math.floor(BUCKETS * random()) },
    }),
    reference: ({ table, bucket_of }, { heads, distances }) => ({
      bias_of: {
        ...flat([heads!, distances!, 2], (i) => {
          const [head, distance] = [Math.floor(i / (2 * distances!)), Math.floor(i / 2) % distances!];
          const bucket = bucket_of!.data[distance]!;
          return i % 2 === 1 ? bucket : new Uint32Array(Float32Array.of(table!.data[bucket * heads! + head]!).buffer)[0]!;
        }),
        dtype: "u32",
      },
    }),
  },
  {
    name: "attention/delta",
    dims: { batch: [1, 3], heads: [1, 4], queries: [1, 30], dKv: [1, 40] },
    edges: [{ batch: 2, heads: 3, queries: 23, dKv: 5, why: "three workgroups" }],
    plan: (dims, facts) => planAttentionDelta(sizesOf({ ...dims, keys: 1 }, dKvOf(dims)), facts),
    inputs: (dims) => {
      const shape = [dims.batch!, dims.queries!, dims.heads! * dims.dKv!];
      return { dy: { shape }, y: { shape }, stats: { shape: [2 * rowsOf(dims)] } };
    },
    reference: ({ dy, y, stats }, dims) => {
      const [heads, queries, dKv, rows] = [dims.heads!, dims.queries!, dims.dKv!, rowsOf(dims)];
      return {
        stats: flat(stats!.shape, (i) => {
          if (i < rows) return stats!.data[i]!;
          const [query, head, b] = [
            (i - rows) % queries,
            Math.floor((i - rows) / queries) % heads,
            Math.floor((i - rows) / (queries * heads)),
          ];
          let sum = 0;
          for (let d = 0; d < dKv; d++) {
            const at = (b * queries + query) * heads * dKv + head * dKv + d;
            sum += dy!.data[at]! * y!.data[at]!;
          }
          return sum;
        }),
      };
    },
  },
  {
    name: "attention/numbers",
    dims: { batch: [1, 3], queries: [1, 60], keys: [1, 60], mask: [0, 1], segments: [0, 1], first: [0, 2] },
    edges: [
      { batch: 3, queries: 31, keys: 37, mask: 1, segments: 1, first: 1, why: "four workgroups; both conditions" },
      { batch: 1, queries: 5, keys: 6, mask: 1, segments: 0, first: 0, why: "padding alone" },
      { batch: 2, queries: 5, keys: 6, mask: 0, segments: 1, first: 0, why: "segments alone" },
      { batch: 2, queries: 5, keys: 6, mask: 0, segments: 0, first: 0, why: "neither" },
    ],
    plan: ({ batch, queries, keys, mask, segments, first }, facts) =>
      planAttentionNumbers(
        { batch: batch!, queries: queries!, keys: keys!, hasMask: mask === 1, hasSegments: segments === 1, first: first! },
        facts,
      ),
    inputs: ({ batch, queries, keys, mask, segments, first }) => {
      const of = (time: number, most: number): KernelInput => ({
        shape: [(first! + batch!) * time],
        dtype: "i32",
        draw: (random) => Math.floor(most * random()),
      });
      return {
        ...(mask ? { mask: of(keys!, 2) } : {}),
        ...(segments ? { query_segments: of(queries!, 4), key_segments: of(keys!, 4) } : {}),
      };
    },
    reference: ({ mask, query_segments, key_segments }, { batch, queries, keys, first }) => ({
      numbers: {
        ...flat([batch! * (queries! + keys!)], (i) => {
          if (i < batch! * queries!) return query_segments ? query_segments.data[first! * queries! + i]! : 1;
          const key = first! * keys! + i - batch! * queries!;
          if (mask && mask.data[key] === 0) return -2147483647;
          return key_segments ? key_segments.data[key]! : 1;
        }),
        dtype: "i32",
      },
    }),
  },
];
