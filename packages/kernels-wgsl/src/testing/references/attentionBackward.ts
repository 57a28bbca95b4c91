import { philox } from "./philox.js";
import { fill, type Values } from "./values.js";

/** What the attention kernels bind, as numbers: sizes, conditions, and the tensors by their bindings' names. */
export interface AttentionParts {
  batch: number;
  heads: number;
  queries: number;
  keys: number;
  dKv: number;
  scale: number;
  isCausal: boolean;
  /** [batch * queries], then [batch * keys]: a query sees keys of its own number. */
  numbers: Float64Array | null;
  /** [heads, distances]; key - query + offset is the distance. */
  bias: { values: Float64Array; distances: number; offset: number } | null;
  /** `first`: entries of a larger batch before these, whose draws come first. */
  dropout: { p: number; site: number; state: { seed: number; step: number; micro: number }; first: number } | null;
}

/** keep [batch, heads, query, key], scores and visible likewise: what forward and backward share, each by its formula. */
export function attentionScores(parts: AttentionParts, q: Values, k: Values) {
  const { batch, heads, queries, keys, dKv, scale, bias } = parts;
  const width = heads * dKv;
  const scores = fill([batch, heads, queries, keys], (b, h, i, j) => {
    let sum = 0;
    for (let d = 0; d < dKv; d++) {
      sum += q.data[(b! * queries + i!) * width + h! * dKv + d]! * k.data[(b! * keys + j!) * width + h! * dKv + d]!;
    }
    return scale * sum + (bias ? bias.values[h! * bias.distances + j! - i! + bias.offset]! : 0);
  });
  return { scores, ...attentionConditions(parts) };
}

export function attentionConditions({ batch, heads, queries, keys, isCausal, numbers, dropout }: AttentionParts) {
  const visible = fill([batch, heads, queries, keys], (b, _, i, j) => {
    if (isCausal && j! > i!) return 0;
    return numbers && numbers[b! * queries + i!] !== numbers[batch * queries + b! * keys + j!] ? 0 : 1;
  });
  const keep = fill([batch, heads, queries, keys], (b, h, i, j) => {
    if (!dropout) return 1;
    const row = ((dropout.first + b!) * heads + h!) * queries + i!;
    const block = row * Math.ceil(keys / 4) + Math.floor(j! / 4);
    const { p, site, state } = dropout;
    const word = philox([block, site, state.step, state.micro], [state.seed, 0])[j! % 4]!;
    return word >= Math.floor(p * 2 ** 32) ? 1 / (1 - p) : 0;
  });
  return { visible, keep };
}

/** y and lse of every row; zeros where a query sees no key. */
export function attentionForward(parts: AttentionParts, q: Values, k: Values, v: Values): { y: Values; lse: Values } {
  const { batch, heads, queries, keys, dKv } = parts;
  const { scores, visible, keep } = attentionScores(parts, q, k);
  const lse = fill([batch, heads, queries], (b, h, i) => {
    const at = ((b! * heads + h!) * queries + i!) * keys;
    const seen = Array.from({ length: keys }, (_, j) => j).filter((j) => visible.data[at + j] === 1);
    if (seen.length === 0) return 0;
    const highest = Math.max(...seen.map((j) => scores.data[at + j]!));
    return highest + Math.log(seen.reduce((sum, j) => sum + Math.exp(scores.data[at + j]! - highest), 0));
  });
  const y = fill([batch, queries, heads * dKv], (b, i, column) => {
    const h = Math.floor(column! / dKv);
    const row = (b! * heads + h) * queries + i!;
    let sum = 0;
    for (let j = 0; j < keys; j++) {
      const at = row * keys + j;
      if (visible.data[at] === 0) continue;
      const p = Math.exp(scores.data[at]! - lse.data[row]!);
      sum += p * keep.data[at]! * v.data[(b! * keys + j) * heads * dKv + column!]!;
    }
    return sum;
  });
  return { y, lse };
}

/** Given lse and delta of each row: kept p, and ds, [batch, heads, query, key]; then dq, dk and dv as [batch, time, heads * dKv]. */
export function attentionBackward(
  parts: AttentionParts,
  { q, k, v, dy }: Readonly<Record<"q" | "k" | "v" | "dy", Values>>,
  lse: Float64Array,
  delta: Float64Array,
) {
  const { batch, heads, queries, keys, dKv, scale } = parts;
  const width = heads * dKv;
  const { scores, visible, keep } = attentionScores(parts, q, k);
  const [kept, ds] = [scores.data.slice(), scores.data.slice()];
  for (let at = 0; at < kept.length; at++) {
    const row = Math.floor(at / keys);
    const [b, h, i, j] = [Math.floor(row / (heads * queries)), Math.floor(row / queries) % heads, row % queries, at % keys];
    const p = visible.data[at] === 1 ? Math.exp(scores.data[at]! - lse[row]!) : 0;
    let dp = 0;
    for (let d = 0; d < dKv; d++)
      dp += dy.data[(b * queries + i) * width + h * dKv + d]! * v.data[(b * keys + j) * width + h * dKv + d]!;
    kept[at] = p * keep.data[at]!;
    ds[at] = p * (keep.data[at]! * dp - delta[row]!);
  }
  const place = (b: number, column: number, i: number, j: number): number =>
    ((b * heads + Math.floor(column / dKv)) * queries + i) * keys + j;
  const sum = (count: number, f: (n: number) => number): number => {
    let total = 0;
    for (let n = 0; n < count; n++) total += f(n);
    return total;
  };
  return {
    kept,
    ds,
    dq: fill(
      [batch, queries, width],
      (b, i, c) => scale * sum(keys, (j) => ds[place(b!, c!, i!, j)]! * k.data[(b! * keys + j) * width + c!]!),
    ),
    dk: fill(
      [batch, keys, width],
      (b, j, c) => scale * sum(queries, (i) => ds[place(b!, c!, i, j!)]! * q.data[(b! * queries + i) * width + c!]!),
    ),
    dv: fill([batch, keys, width], (b, j, c) =>
      sum(queries, (i) => kept[place(b!, c!, i, j!)]! * dy.data[(b! * queries + i) * width + c!]!),
    ),
  };
}
