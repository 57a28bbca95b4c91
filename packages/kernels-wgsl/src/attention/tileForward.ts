import type { AttentionTile } from "./tile.js";
import { columnPlaces, firstBias, loadRow, products, range, rowPlaces, weightedRows, XYZW } from "./tileParts.js";

/** The body of the forward kernel: columns are queries, rows are keys, block by block with a running maximum and total. */
export function tileForward(tile: AttentionTile): string {
  const { rows, lanes } = tile;
  const columns = 4 * lanes;
  const groups = range(rows / lanes);
  return [
    `  let tiles_a_head = (queries + ${columns - 1}u) / ${columns}u;`,
    "  let bh = tile / tiles_a_head;",
    `  let c0 = (tile % tiles_a_head) * ${columns}u;`,
    "  let head = bh % heads;",
    "  let batch = bh / heads;",
    "  let place = head * (stride / heads);",
    "  let query_base = batch * queries * stride + place;",
    "  let key_base = batch * keys * stride + place;",
    "  let col = c0 + 4u * l;",
    ...columnPlaces("col", "queries", "query_base"),
    "  let query = vec4u(col, col + 1u, col + 2u, col + 3u);",
    "  let limit = select(vec4u(keys), min(vec4u(keys), query + 1u), is_causal);", // keys from here on are hidden
    `  let end = select(keys, min(keys, c0 + ${columns}u), is_causal);`,
    ...CONDITIONS_OF_QUERIES,
    "  var highest = vec4f(LOWEST);",
    "  var total = vec4f(0.0);",
    `  for (var r = 0u; r < end; r += ${rows}u) {`,
    ...rowPlaces(tile, "r", "keys", "key_base"),
    ...products(tile, [
      ...range(4).map((j) => `      let b${j} = load_q(column${j}, d, dkv);`),
      ...groups.map((g) => `      let a${g} = ${loadRow(g, "k")};`),
    ]),
    `    var p = array<vec4f, ${rows}>(${range(rows)
      .map((i) => `s${i}`)
      .join(", ")});`,
    firstBias((j) => `zero + r - col - ${j + 1}u`),
    "    var block = highest;",
    "    for (var i = 0u; i < tall; i++) {",
    "      let key = r + i;",
    "      var x = p[i] * scale;",
    "      if (has_bias) { w = vec4f(bias_at(zero + key - col), w.xyz); x += w; }",
    "      var visible = vec4u(key) < limit;",
    "      if (has_numbers) { visible = visible & (vec4i(numbers[keys_at + key]) == number); }",
    "      x = select(vec4f(LOWEST), clamp(x, vec4f(-3.3e38), vec4f(3.3e38)), visible);",
    "      block = max(block, x);",
    "      p[i] = x;",
    "    }",
    "    let shrink = exp(highest - block);",
    "    highest = block;",
    "    var sum = vec4f(0.0);",
    "    for (var i = 0u; i < tall; i++) {",
    "      let x = p[i];",
    "      let e = select(vec4f(0.0), exp(x - highest), x > vec4f(LOWEST));",
    "      sum += e;",
    "      p[i] = e;",
    "    }",
    "    total = total * shrink + sum;",
    "    if (has_dropout) {",
    ...keepByQuery("p"),
    "    }",
    ...range(rows).map((i) => `    let x${i} = p[${i}];`),
    "    for (var d = 0u; d < quads; d++) {",
    ...groups.map((g) => `      let a${g} = ${loadRow(g, "v")};`),
    ...weightedRows(tile),
    ...range(4).map((j) => `      if (col + ${j}u < queries) { store_y(column${j}, d, dkv, o${j}, r > 0u, shrink[${j}]); }`),
    "    }",
    "  }",
    "  let inverse = select(vec4f(0.0), 1.0 / total, total > vec4f(0.0));",
    "  let sees = total > vec4f(0.0);",
    "  for (var d = 0u; d < quads; d++) {",
    ...range(4).map(
      (j) => `    if (col + ${j}u < queries) { store_y(column${j}, d, dkv, vec4f(0.0), sees[${j}], inverse[${j}]); }`,
    ),
    "  }",
    "  let row = bh * queries + col;",
    "  let found = select(vec4f(0.0), highest + log(total), sees);",
    ...range(4).map((j) => `  if (col + ${j}u < queries) { stats[row + ${j}u] = found[${j}]; }`),
  ].join("\n");
}

/** What is the same for a tile whose columns are queries: their numbers, where the keys' are, and the bias entry of key == query. */
export const CONDITIONS_OF_QUERIES = [
  "  let numbers_at = batch * queries + col;",
  "  let keys_at = (stat_rows / heads) + batch * keys;", // numbers [batch, query], then [batch, key]
  "  var number = vec4i(0);",
  "  if (has_numbers) {",
  "    number = vec4i(numbers[numbers_at], numbers[numbers_at + 1u], numbers[numbers_at + 2u], numbers[numbers_at + 3u]);",
  "  }",
  "  let zero = head * distances + params.offset;",
];

/** Multiplies an array of rows = keys, columns = queries by keep or 0: one Philox block covers four keys of a query. */
export function keepByQuery(name: string): string[] {
  return [
    "      for (var n = 0u; n < tall; n++) {",
    "        let i = n & ~3u;",
    "        let j = n & 3u;",
    "        let element = (first_noise + bh * queries + col + j) * key_quads + (r + i) / 4u;",
    "        let words = philox(noise + vec4u(element, 0u, 0u, 0u), noise_key);",
    "        let kept = select(vec4f(0.0), vec4f(keep), words >= threshold);",
    "        let other = vec4u(0u, 1u, 2u, 3u) != vec4u(j);",
    ...XYZW.map((c, u) => `        ${name}[i + ${u}u] *= select(vec4f(kept.${c}), vec4f(1.0), other);`),
    "      }",
  ];
}
