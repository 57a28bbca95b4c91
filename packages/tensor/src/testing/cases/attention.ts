import { references } from "@attune/kernels-wgsl/testing";
import { attention } from "../../ops/attention.js";
import type { CaseInput, Dims, OpCase } from "../opCase.js";

/** Conditions of a case; every tensor that they need becomes an input. */
interface Conditions {
  name: string;
  /** null: 4 * dims.fours */
  dKv: number | null;
  scale?: number;
  hasMask?: boolean;
  hasSegments?: boolean;
  hasBias?: boolean;
  p?: number;
  /** The bias table, q or all of q, k, v get no gradient. */
  frozen?: readonly ("q" | "k" | "v" | "table")[];
  dims?: OpCase["dims"];
  edges: OpCase["edges"];
  checksExtremes?: boolean;
}

const BUCKETS = 5;
const SITE = 77;

/** q, k, v, then the table and its buckets, the mask, and the segments of queries and keys: those that the case has. */
function inputsOf({ dKv, hasMask, hasSegments, hasBias, frozen = [] }: Conditions) {
  return ({ batch, heads, queries, keys, fours }: Dims): CaseInput[] => {
    const of = (name: "q" | "k" | "v" | "table", shape: readonly number[]): CaseInput => ({
      shape,
      isConstant: frozen.includes(name),
    });
    const numbers = (time: number): CaseInput => ({
      shape: [batch!, time],
      dtype: "i32",
      draw: (_, i) => Math.floor((2 * (i % time)) / time),
    });
    const width = heads! * (dKv ?? 4 * fours!);
    return [
      of("q", [batch!, queries!, width]),
      of("k", [batch!, keys!, width]),
      of("v", [batch!, keys!, width]),
      ...(hasBias
        ? [
            of("table", [BUCKETS, heads!]),
            {
              shape: [queries! + keys! + 1],
              dtype: "i32",
              draw: (_: () => number, i: number) => (i * i) % BUCKETS,
            } as const,
          ]
        : []),
      ...(hasMask
        ? [{ shape: [batch!, keys!], dtype: "i32", draw: (random: () => number) => (random() < 0.7 ? 1 : 0) } as const]
        : []),
      ...(hasSegments ? [numbers(queries!), numbers(keys!)] : []),
    ];
  };
}

function split<T>(inputs: readonly T[], { hasBias, hasMask, hasSegments }: Conditions) {
  const [q, k, v, ...rest] = inputs as [T, T, T];
  const next = (is = false): T | null => (is ? (rest as T[]).shift()! : null);
  return {
    q, k, v, table: next(hasBias), buckets: next(hasBias), mask: next(hasMask),
    querySegments: next(hasSegments), keySegments: next(hasSegments),
  }; // biome-ignore format: in order
}

function attentionCase(conditions: Conditions): OpCase {
  const { name, scale = 0.5, p, hasBias, hasSegments, edges, checksExtremes } = conditions;
  return {
    name: `attention, ${name}`,
    dims: conditions.dims ?? { batch: [1, 3], heads: [1, 3], queries: [1, 40], keys: [1, 40], causal: [0, 1] },
    edges,
    inputs: inputsOf(conditions),
    run: (inputs, { heads, queries, causal }, state) => {
      const { q, k, v, table, buckets, mask, querySegments, keySegments } = split(inputs, conditions);
      return attention(q, k, v, {
        heads: heads!,
        scale,
        isCausal: causal === 1,
        mask,
        segments: hasSegments ? { queries: querySegments!, keys: keySegments! } : null,
        // one more than the least, so that an offset taken for granted is noticed
        bias: hasBias ? { table: table!, buckets: buckets!, offset: queries! } : null,
        dropout: p ? { p, site: SITE, state } : null,
      });
    },
    reference: (inputs, { heads, queries, causal }, state) => {
      const { q, k, v, table, buckets, mask, querySegments, keySegments } = split(inputs, conditions);
      return references.attention(q, k, v, {
        heads: heads!,
        scale,
        isCausal: causal === 1,
        mask,
        querySegments,
        keySegments,
        bias: hasBias ? { table: table!, buckets: buckets!, offset: queries! } : null,
        dropout: p ? { p, site: SITE, state } : null,
      });
    },
    bounds: { output: 1e-5, gradient: 1e-3, why: "sums of up to 130 products" },
    ...(checksExtremes ? { checksExtremes } : {}),
  };
}

export const attentionCases: readonly OpCase[] = [
  attentionCase({
    name: "plain",
    dKv: 8,
    edges: [
      { batch: 2, heads: 3, queries: 9, keys: 12, causal: 0, why: "batches and heads have strides of their own" },
      { batch: 1, heads: 2, queries: 33, keys: 33, causal: 1, why: "causal; a tile and one, both ways" },
      { batch: 1, heads: 1, queries: 130, keys: 68, causal: 0, why: "several tiles of queries and keys" },
      { batch: 1, heads: 2, queries: 6, keys: 40, causal: 1, why: "causal: keys that no query sees get no gradient" },
      { batch: 1, heads: 1, queries: 130, keys: 132, causal: 1, why: "causal: several blocks, from the last to the first" },
      { batch: 1, heads: 1, queries: 5, keys: 1, causal: 0, why: "one key" },
    ],
    checksExtremes: true,
  }),
  attentionCase({
    name: "every condition at once",
    dKv: 16,
    hasMask: true,
    hasSegments: true,
    hasBias: true,
    p: 0.3,
    edges: [
      { batch: 2, heads: 2, queries: 10, keys: 10, causal: 1, why: "all of them" },
      {
        batch: 2,
        heads: 1,
        queries: 33,
        keys: 35,
        causal: 0,
        why: "keys are no multiple of 4: random words start anew in each row",
      },
    ],
    checksExtremes: true,
  }),
  attentionCase({
    name: "bias",
    dKv: 4,
    hasBias: true,
    edges: [
      { batch: 2, heads: 3, queries: 34, keys: 21, causal: 0, why: "diagonals begin and end in every way" },
      { batch: 1, heads: 2, queries: 70, keys: 70, causal: 1, why: "diagonals go on from block to block" },
    ],
  }),
  attentionCase({
    name: "frozen bias, mask",
    dKv: 5,
    hasBias: true,
    hasMask: true,
    frozen: ["table"],
    edges: [
      {
        batch: 2,
        heads: 2,
        queries: 7,
        keys: 39,
        causal: 0,
        why: "no gradient of the table; two blocks of keys, element by element",
      },
    ],
  }),
  attentionCase({
    name: "dropout, frozen keys",
    dKv: 8,
    p: 0.4,
    frozen: ["k"],
    edges: [{ batch: 2, heads: 2, queries: 37, keys: 34, causal: 0, why: "a block of random words belongs to one row" }],
  }),
  attentionCase({
    name: "segments, bias and dropout, a head size of no fours",
    dKv: 6,
    hasSegments: true,
    hasBias: true,
    p: 0.3,
    edges: [{ batch: 2, heads: 3, queries: 11, keys: 13, causal: 1, why: "packed sequences" }],
  }),
  attentionCase({
    name: "head sizes",
    dKv: null,
    scale: 0.2,
    dims: { batch: [1, 2], heads: [1, 2], queries: [1, 20], keys: [1, 20], causal: [0, 1], fours: [4, 32] },
    edges: [4, 6, 8, 12, 16, 20, 24, 32].map((fours) => ({
      ...{ batch: 1, heads: 2, queries: 10, keys: 9, causal: 0 },
      fours,
      why: `heads of ${4 * fours}: the size is a run-time value`,
    })),
  }),
  attentionCase({
    name: "one query, mask",
    dKv: 20,
    hasMask: true,
    hasSegments: true,
    dims: { batch: [1, 3], heads: [1, 3], queries: [1, 4], keys: [1, 40], causal: [0, 1] },
    edges: [
      { batch: 2, heads: 2, queries: 1, keys: 40, causal: 0, why: "cross-attention of a decoding step" },
      { batch: 2, heads: 2, queries: 3, keys: 17, causal: 1, why: "few queries" },
    ],
    checksExtremes: true,
  }),
];
