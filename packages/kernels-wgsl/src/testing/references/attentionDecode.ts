import { fill, type Values } from "./values.js";

/** Attention of one query a row over a cache whose places are numbered: sizes and conditions in f64, for kernel and op alike. */
export interface DecodeParts {
  heads: number;
  dKv: number;
  scale: number;
  /** The position of the query, or null: it sees all. */
  here: number | null;
  /** [heads, distances]; key - query + offset is the distance. */
  bias: { values: Float64Array; distances: number; offset: number } | null;
}

/** y [rows, heads * dKv] from q of that shape, k and v [sources, region, heads * dKv], places [rows or fewer, positions] */
export function attentionDecode(parts: DecodeParts, q: Values, k: Values, v: Values, places: Values): Values {
  const { heads, dKv, scale, here, bias } = parts;
  const width = heads * dKv;
  const rows = q.data.length / width;
  const [sources, region] = k.shape as [number, number];
  const positions = places.shape.at(-1)!;
  const placedRows = places.data.length / positions;
  return fill([rows, width], (row, column) => {
    const head = Math.floor(column! / dKv);
    const source = Math.floor((row! * sources) / rows);
    const seen: { score: number; at: number }[] = [];
    for (let t = 0; t < positions; t++) {
      const place = places.data[Math.floor((row! * placedRows) / rows) * positions + t]!;
      if (place < 0 || (here !== null && t > here)) continue;
      const at = (source * region + place) * width;
      let score = 0;
      for (let d = head * dKv; d < (head + 1) * dKv; d++) score += q.data[row! * width + d]! * k.data[at + d]!;
      score *= scale;
      if (bias) score += bias.values[head * bias.distances + t - (here ?? 0) + bias.offset]!;
      seen.push({ score, at: at + column! });
    }
    const highest = Math.max(...seen.map(({ score }) => score));
    const weights = seen.map(({ score }) => Math.exp(score - highest));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return seen.reduce((sum, { at }, i) => sum + (weights[i]! / total) * v.data[at]!, 0);
  });
}
