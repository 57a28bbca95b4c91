// What only decoding does: attention over a cache, new rows into the cache, the greedy choice. None of it has a gradient.
import { references } from "@attune/kernels-wgsl/testing";
import { decodeAttention } from "../../ops/attentionDecode.js";
import { cacheAppend, chooseGreedy } from "../../ops/decode.js";
import { affine } from "../../ops/elementwise.js";
import { embedding } from "../../ops/embedding.js";
import type { CaseInput, Dims, OpCase } from "../opCase.js";

const BUCKETS = 5;
const SCALE = 0.5;

function decodeAttentionCase(what: { name: string; size: number; isLive: boolean; edges: OpCase["edges"] }): OpCase {
  const { name, size, isLive, edges } = what;
  const sizesOf = ({ sources, beams, heads, positions }: Dims) => ({
    ...{ rows: sources! * beams!, width: heads! * size, region: positions! + 3, first: positions! - 3 },
    ...{ offset: positions! + 1, distances: 2 * positions! + 3 },
  });
  return {
    name: `decodeAttention, ${name}`,
    dims: { sources: [1, 3], beams: [1, 3], heads: [1, 3], positions: [5, 30] },
    edges,
    inputs: (dims) => {
      const { rows, width, region, distances } = sizesOf(dims);
      const cache = { shape: [dims.sources!, region, width] };
      const places: CaseInput = {
        shape: [isLive ? rows : dims.sources!, dims.positions!],
        dtype: "i32",
        draw: (random, i) => (i % 7 === 1 ? -1 : Math.floor(region * random())),
      };
      const bias: CaseInput[] = isLive
        ? [{ shape: [BUCKETS, dims.heads!] }, { shape: [distances], dtype: "i32", draw: (_, i) => (i * i) % BUCKETS }]
        : [];
      return [{ shape: [rows, 1, width] }, cache, cache, places, ...bias];
    },
    run: ([q, k, v, places, table, buckets], dims, state) => {
      const { first, offset } = sizesOf(dims);
      return decodeAttention(q!, k!, v!, {
        heads: dims.heads!,
        scale: SCALE,
        places: places!,
        live: isLive ? { first, state } : null,
        bias: isLive ? { table: table!, buckets: buckets!, offset } : null,
      });
    },
    reference: ([q, k, v, places, table, buckets], dims, { past }) => {
      const { first, offset, distances, rows, width } = sizesOf(dims);
      const values =
        table && references.fill([dims.heads!, distances], (h, d) => references.at(table, buckets!.data[d!]!, h!)).data;
      const parts = {
        ...{ heads: dims.heads!, dKv: size, scale: SCALE, here: isLive ? first + past : null },
        bias: values ? { values, distances, offset } : null,
      };
      return { ...references.attentionDecode(parts, q!, k!, v!, places!), shape: [rows, 1, width] };
    },
    isForwardOnly: true,
  };
}

export const decodeCases: readonly OpCase[] = [
  decodeAttentionCase({
    name: "beams, bias, a live end",
    size: 8,
    isLive: true,
    edges: [{ sources: 2, beams: 3, heads: 2, positions: 19, why: "beams of a source share its region; several turns" }],
  }),
  decodeAttentionCase({
    name: "cross-attention, a head size of no fours",
    size: 6,
    isLive: false,
    edges: [{ sources: 2, beams: 2, heads: 3, positions: 21, why: "places by source" }],
  }),
  ...[true, false].map(
    (isLive): OpCase => ({
      name: `cacheAppend, ${isLive ? "decoding" : "a prompt"}`,
      dims: { sources: [1, 3], count: [1, 3], room: [3, 6], cols: [1, 40] },
      edges: [{ sources: 2, count: 2, room: 3, cols: 33, why: "the last place" }],
      inputs: ({ sources, count, room, cols }) => [
        { shape: [sources!, 1 + count! * (isLive ? room! : 1), cols!] },
        { shape: isLive ? [sources! * count!, 1, cols!] : [sources!, count!, cols!] },
      ],
      run: ([cache, x], { room }, state) => {
        cacheAppend(cache!, x!, isLive ? { first: 1, step: room!, state } : { first: 1 });
        return affine(cache!, 1);
      },
      reference: ([cache, x], { count, room, cols }, { past }) =>
        references.fill(cache!.shape, (source, place, c) => {
          const at = place! - 1 - (isLive ? past : 0);
          const step = isLive ? room! : 1;
          const isNew = at >= 0 && at % step === 0 && at / step < count!;
          return isNew ? x!.data[(source! * count! + at / step) * cols! + c!]! : references.at(cache!, source!, place!, c!);
        }),
      isForwardOnly: true,
    }),
  ),
  ...(["tokens", "next", "finished"] as const).map(
    (what): OpCase => ({
      name: `chooseGreedy: ${what}`,
      dims: { rows: [1, 5], vocab: [3, 60], capacity: [3, 6] },
      edges: [{ rows: 4, vocab: 3, capacity: 3, why: "ties: the first index wins" }],
      inputs: ({ rows, vocab, capacity }) => [
        { shape: [rows!, vocab!], draw: (random) => Math.floor(random() * 3) - 3 }, // few distinct values, so that ties are common
        { shape: [rows!], dtype: "i32", draw: () => 9 },
        { shape: [rows!, capacity! + 1], dtype: "i32", draw: () => 0 },
        { shape: [rows!], dtype: "i32", draw: (_, row) => (row === 1 ? 1 : 0) },
        { shape: [64, 1], draw: (_, i) => i },
        { shape: [2], dtype: "i32", draw: (_, i) => i }, // 0 and 1
      ],
      run: ([logits, next, tokens, finished, identity, eos], _, state) => {
        const greedy = { next: next!, tokens: tokens!, finished: finished! };
        chooseGreedy(logits!, greedy, { eos: eos!, pad: 2, state });
        return embedding(identity!, greedy[what]); // as floats
      },
      reference: ([logits, , tokens], { rows, vocab, capacity }, { past }) => {
        const chosen = (row: number): number => {
          const values = Array.from({ length: vocab! }, (_, c) => references.at(logits!, row, c));
          return row === 1 ? 2 : values.indexOf(Math.max(...values)); // row 1 was finished before
        };
        if (what === "next") return references.fill([rows!, 1], (row) => chosen(row!));
        if (what === "finished") return references.fill([rows!, 1], (row) => (row === 1 || chosen(row!) <= 1 ? 1 : 0));
        return references.fill([rows!, capacity! + 1, 1], (row, t) =>
          t === past + 1 ? chosen(row!) : references.at(tokens!, row!, t!),
        );
      },
      isForwardOnly: true,
    }),
  ),
];
