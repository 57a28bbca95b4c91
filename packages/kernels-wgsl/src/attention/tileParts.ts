// Pieces of text that the attention kernels share; what they compute is said in tile.ts.
import type { AttentionTile } from "./tile.js";

export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
export const XYZW = ["x", "y", "z", "w"] as const;

/** Loads of a tile's rows: lane l holds row r + l (+ lanes, + 2 lanes ...). Rows beyond the end repeat the last: never garbage. */
export function rowPlaces({ rows, lanes }: AttentionTile, from: string, count: string, base: string): string[] {
  return range(rows / lanes).map((g) => `    let row${g} = ${base} + min(${from} + ${g * lanes}u + l, ${count} - 1u) * stride;`);
}
export function columnPlaces(from: string, count: string, base: string): string[] {
  return range(4).map((j) => `    let column${j} = ${base} + min(${from} + ${j}u, ${count} - 1u) * stride;`);
}

/** Component u of row i, in every lane. */
function shared({ lanes }: AttentionTile, i: number, u: number): string {
  const value = `a${Math.floor(i / lanes)}.${XYZW[u]}`;
  return lanes === 1 ? value : `subgroupBroadcast(${value}, ${i % lanes}u)`;
}

/** s0 .. s{rows-1}, a vec4f over the lane's columns each: products of row i with the columns. `load` gives (row or column place) -> vec4f. */
export function products(tile: AttentionTile, loads: string[]): string[] {
  return [
    ...range(tile.rows).map((i) => `    var s${i} = vec4f(0.0);`),
    "    for (var d = 0u; d < quads; d++) {",
    ...loads,
    ...XYZW.map((c) => `      let b${c} = vec4f(b0.${c}, b1.${c}, b2.${c}, b3.${c});`),
    ...range(tile.rows).map(
      (i) =>
        `      s${i} += ${range(4)
          .map((u) => `${shared(tile, i, u)} * b${XYZW[u]}`)
          .join(" + ")};`,
    ),
    "    }",
  ];
}

/** Within a loop over d: sum_x .. sum_w over the columns = sum of x{i} * component of row i; then o0 .. o3, one a column. */
export function weightedRows(tile: AttentionTile): string[] {
  return [
    ...XYZW.map((c) => `      var sum_${c} = vec4f(0.0);`),
    ...range(tile.rows).flatMap((i) => range(4).map((u) => `      sum_${XYZW[u]} += ${shared(tile, i, u)} * x${i};`)),
    ...range(4).map((j) => `      let o${j} = vec4f(${XYZW.map((c) => `sum_${c}.${XYZW[j]}`).join(", ")});`),
  ];
}
export const loadRow = (g: number, of: string): string => `load_${of}(row${g}, d, dkv)`;

/** Three of the four distances that come before row 0; each row then needs one more. */
export function firstBias(distanceOf: (j: number) => string): string {
  const [a, b, c] = [0, 1, 2].map((j) => `bias_at(${distanceOf(j)})`);
  return `    var w = vec4f(0.0);\n    if (has_bias) { w = vec4f(${a}, ${b}, ${c}, 0.0); }`;
}
