import { attentionTiles, planAttentionPart } from "../../attention/plan.js";
import type { DeviceFacts } from "../../facts.js";
import type { Dims, KernelCase, StateValues } from "../kernelCase.js";
import { attentionBackward } from "../references/attentionBackward.js";
import type { Values } from "../references.js";
import {
  BUCKETS,
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
} from "./attentionInputs.js";

type Backward = Readonly<Record<"q" | "k" | "v" | "dy" | "stats", Values>>;
function backwardOf(inputs: Readonly<Record<string, Values>>, dims: Dims, dKv: number, state: StateValues) {
  const { stats, ...rest } = inputs as Backward;
  const rows = rowsOf(dims);
  return attentionBackward(partsOf(dims, dKv, inputs, state), rest, stats.data.subarray(0, rows), stats.data.subarray(rows));
}

/** Where there are subgroups, software adapters do not use the backward tiles: planned as for a GPU, they are smaller. */
const asGpu = (facts: DeviceFacts): DeviceFacts => ({ ...facts, isSoftware: facts.isSoftware && facts.subgroupSize === null });

export const partCase = (part: "queries" | "keys", isVec4: boolean): KernelCase => {
  const dKvs = (dims: Dims): number => (isVec4 ? 4 * dKvOf(dims) : 2 * dKvOf(dims) + 1);
  const wants = { wantsA: [0, 1], wantsB: [0, 1] } as const;
  const wanted = ({ wantsA, wantsB, bias }: Dims) => {
    const [first, second] = [wantsA === 1, wantsB === 1];
    return part === "queries"
      ? { q: first, bias: second && bias === 1, k: false, v: false }
      : { q: false, bias: false, k: first, v: second };
  };
  return {
    name: `attention/${part}${isVec4 ? "" : ", a head size of no fours"}`,
    dims: { ...sizes, ...conditions, dKv: [1, isVec4 ? 16 : 8], ...wants },
    edges: [
      { batch: 2, heads: 3, queries: 37, keys: 35, dKv: 2, ...every, wantsA: 1, wantsB: 1, why: "all conditions, all gradients" },
      {
        batch: 1,
        heads: 2,
        queries: 70,
        keys: 41,
        dKv: 3,
        ...none,
        bias: 1,
        wantsA: 1,
        wantsB: 1,
        why: "several tiles and blocks",
      },
      {
        batch: 1,
        heads: 2,
        queries: 6,
        keys: 40,
        dKv: 1,
        ...none,
        causal: 1,
        wantsA: 1,
        wantsB: 1,
        why: "keys that no query sees",
      },
      {
        batch: 1,
        heads: 5,
        queries: 33,
        keys: 34,
        dKv: 1,
        ...none,
        wantsA: 1,
        wantsB: 1,
        why: "a last block of one query; a folded grid with tiles too many",
      },
      { batch: 1, heads: 1, queries: 36, keys: 33, dKv: 1, ...none, wantsA: 1, wantsB: 1, why: "a last block of one key" },
      {
        batch: 1,
        heads: 1,
        queries: 35,
        keys: 36,
        dKv: 1,
        ...none,
        wantsA: 1,
        wantsB: 1,
        why: "the ends lie in other columns of a lane",
      },
      {
        batch: 1,
        heads: 1,
        queries: 36,
        keys: 36,
        dKv: 1,
        ...none,
        dropout: 1,
        wantsA: 1,
        wantsB: 1,
        why: "a lane just behind the end, which would drop otherwise than the last one",
      },
      {
        batch: 1,
        heads: 67,
        queries: 3,
        keys: 3,
        dKv: 1,
        ...none,
        wantsA: 1,
        wantsB: 1,
        why: "a folded grid, also of workgroups of 32 tiles",
      },
      { batch: 1, heads: 1, queries: 9, keys: 7, dKv: 1, ...every, wantsA: 0, wantsB: 1, why: "only the second gradient" },
      { batch: 1, heads: 1, queries: 9, keys: 7, dKv: 1, ...every, causal: 0, wantsA: 1, wantsB: 0, why: "only the first one" },
    ],
    plan: (dims, facts) => planAttentionPart(part, sizesOf(dims, dKvs(dims)), wanted(dims), asGpu(facts)),
    inputs: (dims) => {
      const { q, k, v } = operands(dims, dKvs(dims));
      return { q, k, v, dy: q, ...conditionInputs(dims), stats: statsInput(dims) };
    },
    reference: (inputs, dims, state, facts) => {
      const { dq, dk, dv, ds } = backwardOf(inputs, dims, dKvs(dims), state);
      const wants = wanted(dims);
      return {
        ...(wants.q ? { dq } : {}),
        ...(wants.k ? { dk } : {}),
        ...(wants.v ? { dv } : {}),
        ...(wants.bias ? { partial: partialOf(ds, inputs.bias_of!, dims, facts) } : {}),
      };
    },
    bound: { value: 1e-4, why: "sums of up to 40 products of values up to 10, each with an exponential's error" },
  };
};

/** [first + batch, heads, tiles, buckets], ds of a tile's queries by the bucket of its distance. */
function partialOf(ds: Float64Array, biasOf: Values, dims: Dims, facts: DeviceFacts): Values {
  const [heads, queries, keys] = [dims.heads!, dims.queries!, dims.keys!];
  const tiles = attentionTiles("queries", sizesOf(dims, 4), facts);
  const columns = 4 * (facts.subgroupSize ?? 1);
  const before = (dims.first ?? 0) * heads; // heads of entries that other calls write
  const data = new Float64Array((before + dims.batch! * heads) * tiles * BUCKETS).fill(Number.NaN, 0, before * tiles * BUCKETS);
  ds.forEach((value, at) => {
    const [row, key] = [Math.floor(at / keys), at % keys];
    const [bh, query] = [Math.floor(row / queries), row % queries];
    const distance = key - query + offsetOf({ queries, past: PAST });
    const bucket = biasOf.data[2 * ((bh % heads) * distancesOf(dims) + distance) + 1]!;
    const place = ((before + bh) * tiles + Math.floor(query / columns)) * BUCKETS + bucket;
    data[place] = data[place]! + value;
  });
  return { shape: [data.length], data };
}
