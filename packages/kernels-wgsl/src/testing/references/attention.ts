import { philox } from "./philox.js";
import { at, fill, type Values } from "./values.js";

export interface AttentionReference {
  heads: number;
  scale: number;
  isCausal?: boolean;
  /** [batch, key], 0 hides the key */
  mask?: Values | null;
  /** [batch, time] */
  querySegments?: Values | null;
  keySegments?: Values | null;
  /** T5's table [buckets, heads], with the bucket of each key - query + offset */
  bias?: { table: Values; buckets: Values; offset: number } | null;
  dropout?: { p: number; site: number; state: { seed: number; step: number; micro: number } } | null;
}

/**
 * y [batch, query, heads * dKv] = dropout(softmax over the visible keys of scale * q k^T + bias) v, the plain formula; a query that sees
 * no key gives zeros. An element of the probabilities draws the word key % 4 of the Philox block of its row and key / 4.
 */
export function attention(q: Values, k: Values, v: Values, options: AttentionReference): Values {
  const { heads, scale, isCausal = false, mask, querySegments, keySegments, bias, dropout } = options;
  const [batch, queries, width] = q.shape as [number, number, number];
  const keys = k.shape[1]!;
  const dKv = width / heads;
  const probabilities = fill([batch, heads, queries, keys], () => 0);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < queries; i++) {
        const visible = Array.from({ length: keys }, (_, j) => j).filter(
          (j) =>
            !(isCausal && j > i) &&
            !(mask && at(mask, b, j) === 0) &&
            !(querySegments && keySegments && at(querySegments, b, i) !== at(keySegments, b, j)),
        );
        const scores = visible.map((j) => {
          let sum = 0;
          for (let d = 0; d < dKv; d++) sum += at(q, b, i, h * dKv + d) * at(k, b, j, h * dKv + d);
          return scale * sum + (bias ? at(bias.table, at(bias.buckets, j - i + bias.offset), h) : 0);
        });
        const highest = Math.max(...scores);
        const total = scores.reduce((sum, score) => sum + Math.exp(score - highest), 0);
        const row = (b * heads + h) * queries + i;
        visible.forEach((j, place) => {
          const p = Math.exp(scores[place]! - highest) / total;
          probabilities.data[row * keys + j] = p * (dropout ? keepOf(row, j, keys, dropout) : 1);
        });
      }
    }
  }
  return fill([batch, queries, width], (b, i, column) => {
    let sum = 0;
    for (let j = 0; j < keys; j++) sum += at(probabilities, b!, Math.floor(column! / dKv), i!, j) * at(v, b!, j, column!);
    return sum;
  });
}

function keepOf(row: number, key: number, keys: number, { p, site, state }: NonNullable<AttentionReference["dropout"]>): number {
  const block = row * Math.ceil(keys / 4) + Math.floor(key / 4);
  const words = philox([block, site, state.step, state.micro], [state.seed, 0]);
  return words[key % 4]! >= Math.floor(p * 2 ** 32) ? 1 / (1 - p) : 0;
}
