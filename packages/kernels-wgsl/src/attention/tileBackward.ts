import type { AttentionTile } from "./tile.js";
import { CONDITIONS_OF_QUERIES, keepByQuery } from "./tileForward.js";
import { columnPlaces, firstBias, products, range, rowPlaces, weightedRows, XYZW } from "./tileParts.js";

export function tileBackward(tile: AttentionTile): string {
  return tile.kind === "queries" ? byQueries(tile) : byKeys(tile);
}

const CONDITIONS = [
  "  let batch = bh / heads;",
  "  let head = bh % heads;",
  "  let place = head * (stride / heads);",
  "  let query_base = batch * queries * stride + place;",
  "  let key_base = batch * keys * stride + place;",
];

/** Adds a finished diagonal of ds to the sum of its bucket; workgroup memory begins as zeros. */
function addDiagonal({ buckets }: AttentionTile, distance: string, value: string): string {
  return `sums[slot * ${buckets}u + bias_of[${distance}].y] += ${value};`;
}
/** partial [tile, bucket]: the lanes' sums in their order. */
function storeSums({ buckets, lanes }: AttentionTile): string[] {
  if (lanes === 1) {
    return [
      "  if (wants_bias) {",
      `    for (var b = 0u; b < params.buckets; b++) { partial[(first_tile + tile) * params.buckets + b] = sums[slot * ${buckets}u + b]; }`,
      "  }",
    ];
  }
  return [
    "  workgroupBarrier();",
    "  if (wants_bias) {",
    `    for (var b = l; b < params.buckets; b += ${lanes}u) {`,
    "      var sum = 0.0;",
    `      for (var i = 0u; i < min(${lanes}u, params.tall); i++) { sum += sums[i * ${buckets}u + b]; }`,
    "      partial[(first_tile + tile) * params.buckets + b] = sum;",
    "    }",
    "  }",
  ];
}

/** The two products of a tile, scores and dp, through one unrolled loop body: `s` and `dp` are arrays of rows. */
function twoProducts(tile: AttentionTile, rowsOf: [string, string], columnsOf: [string, string]): string[] {
  const { rows, lanes } = tile;
  const groups = range(rows / lanes);
  const pick = (what: string[], from: [string, string], place: string): string[] => [
    ...what.map((name) => `      var ${name} = vec4f(0.0);`),
    `      if (which == 0u) { ${what.map((name, i) => `${name} = load_${from[0]}(${place}${i}, d, dkv);`).join(" ")} }`,
    `      else { ${what.map((name, i) => `${name} = load_${from[1]}(${place}${i}, d, dkv);`).join(" ")} }`,
  ];
  return [
    `    var p: array<vec4f, ${rows}>;`,
    `    var ds: array<vec4f, ${rows}>;`,
    "    for (var which = 0u; which < 2u; which++) {",
    ...products(tile, [
      ...pick(["b0", "b1", "b2", "b3"], columnsOf, "column"),
      ...pick(
        groups.map((g) => `a${g}`),
        rowsOf,
        "row",
      ),
    ]),
    `    if (which == 0u) { ${range(rows)
      .map((i) => `p[${i}] = s${i};`)
      .join(" ")} }`,
    `    else { ${range(rows)
      .map((i) => `ds[${i}] = s${i};`)
      .join(" ")} }`,
    "    }",
  ];
}

function byQueries(tile: AttentionTile): string {
  const { rows, lanes } = tile;
  const columns = 4 * lanes;
  return [
    `  let tiles_a_head = (queries + ${columns - 1}u) / ${columns}u;`,
    "  let first_tile = params.first_head * tiles_a_head;",
    "  let bh = tile / tiles_a_head;",
    `  let c0 = (tile % tiles_a_head) * ${columns}u;`,
    ...CONDITIONS,
    "  let wants_q = params.wants_q != 0u;",
    "  let wants_bias = params.wants_bias != 0u;",
    "  let col = c0 + 4u * l;",
    ...columnPlaces("col", "queries", "query_base"),
    "  let query = vec4u(col, col + 1u, col + 2u, col + 3u);",
    "  let limit = select(vec4u(0u), select(vec4u(keys), min(vec4u(keys), query + 1u), is_causal), query < vec4u(queries));",
    `  let end = select(keys, min(keys, c0 + ${columns}u), is_causal);`,
    "  let stats_at = bh * queries + col;",
    `  let row_lse = vec4f(${range(4)
      .map((j) => `stats[stats_at + ${j}u]`)
      .join(", ")});`,
    `  let row_delta = vec4f(${range(4)
      .map((j) => `stats[stat_rows + stats_at + ${j}u]`)
      .join(", ")});`,
    ...CONDITIONS_OF_QUERIES,
    `  for (var r = 0u; r < end; r += ${rows}u) {`,
    ...rowPlaces(tile, "r", "keys", "key_base"),
    ...twoProducts(tile, ["k", "v"], ["q", "dy"]),
    "    if (has_dropout) {",
    ...keepByQuery("ds"),
    "    }",
    firstBias((j) => `zero + r - col - ${j + 1}u`),
    "    var diagonal = vec4f(0.0);", // ds along k - q, on its way to column 3
    "    for (var i = 0u; i < tall; i++) {",
    "      let key = r + i;",
    "      var x = p[i] * scale;",
    "      if (has_bias) { w = vec4f(bias_at(zero + key - col), w.xyz); x += w; }",
    "      var visible = vec4u(key) < limit;",
    "      if (has_numbers) { visible = visible & (vec4i(numbers[keys_at + key]) == number); }",
    "      let e = select(vec4f(0.0), exp(clamp(x, vec4f(-3.3e38), vec4f(3.3e38)) - row_lse), visible);",
    "      let g = select(vec4f(0.0), e * (ds[i] - row_delta), visible);",
    "      if (wants_bias) {",
    "        diagonal += g;",
    `        ${addDiagonal(tile, "zero + key - col - 3u", "diagonal.w")}`,
    "        diagonal = vec4f(0.0, diagonal.xyz);",
    "      }",
    "      ds[i] = g * scale;",
    "    }",
    "    if (wants_bias) {", // what has not reached column 3: column j of the row after the last
    ...range(3).map((j) => `      ${addDiagonal(tile, `zero + r + ${rows}u - col - ${j + 1}u`, `diagonal.${XYZW[j + 1]}`)}`),
    "    }",
    "    if (wants_q) {",
    ...range(rows).map((i) => `    let x${i} = ds[${i}];`),
    "    for (var d = 0u; d < quads; d++) {",
    ...range(rows / lanes).map((g) => `      let a${g} = load_k(row${g}, d, dkv);`),
    ...weightedRows(tile),
    ...range(4).map((j) => `      if (col + ${j}u < queries) { store_dq(column${j}, d, dkv, o${j}, r > 0u, 1.0); }`),
    "    }",
    "    }",
    "  }",
    ...storeSums(tile),
  ].join("\n");
}

function byKeys(tile: AttentionTile): string {
  const { rows, lanes } = tile;
  const columns = 4 * lanes;
  const groups = range(rows / lanes);
  return [
    `  let tiles_a_head = (keys + ${columns - 1}u) / ${columns}u;`,
    "  let bh = tile / tiles_a_head;",
    `  let c0 = (tile % tiles_a_head) * ${columns}u;`,
    ...CONDITIONS,
    "  let wants_k = params.wants_k != 0u;",
    "  let wants_v = params.wants_v != 0u;",
    "  let col = c0 + 4u * l;",
    ...columnPlaces("col", "keys", "key_base"),
    "  let key = vec4u(col, col + 1u, col + 2u, col + 3u);",
    "  var open = key < vec4u(keys);",
    "  let keys_at = (stat_rows / heads) + batch * keys + col;", // numbers [batch, query], then [batch, key]
    "  var number = vec4i(0);",
    "  if (has_numbers) { number = vec4i(numbers[keys_at], numbers[keys_at + 1u], numbers[keys_at + 2u], numbers[keys_at + 3u]); }",
    "  let zero = head * distances + params.offset;",
    // queries before c0 see none of these keys; one block runs in any case, so that every output is written
    `  let begin = select(0u, min(c0 / ${rows}u, (queries - 1u) / ${rows}u) * ${rows}u, is_causal);`,
    `  for (var r = begin; r < queries; r += ${rows}u) {`,
    ...rowPlaces(tile, "r", "queries", "query_base"),
    ...twoProducts(tile, ["q", "dy"], ["k", "v"]),
    firstBias((j) => `zero + col + ${j + 1}u - r`),
    "    for (var i = 0u; i < tall; i++) {",
    "      let query = r + i;",
    "      var x = p[i] * scale;",
    "      if (has_bias) { w = vec4f(bias_at(zero + col - query), w.xyz); x += w; }",
    "      var visible = open & vec4<bool>(query < queries);",
    "      if (is_causal) { visible = visible & (key <= vec4u(query)); }",
    "      if (has_numbers) { visible = visible & (vec4i(numbers[batch * queries + query]) == number); }",
    "      let e = select(vec4f(0.0), exp(clamp(x, vec4f(-3.3e38), vec4f(3.3e38)) - stats[bh * queries + query]), visible);",
    "      var kept = vec4f(1.0);",
    "      if (has_dropout) {",
    "        let words = philox(noise + vec4u((first_noise + bh * queries + query) * key_quads + col / 4u, 0u, 0u, 0u), noise_key);",
    "        kept = select(vec4f(0.0), vec4f(keep), words >= threshold);",
    "      }",
    "      let g = select(vec4f(0.0), e * (kept * ds[i] - stats[stat_rows + bh * queries + query]), visible);",
    "      p[i] = e * kept;",
    "      ds[i] = g * scale;",
    "    }",
    "    for (var which = 0u; which < 2u; which++) {",
    "      if ((which == 0u && !wants_v) || (which == 1u && !wants_k)) { continue; }",
    ...range(rows).map((i) => `      let x${i} = select(ds[${i}], p[${i}], which == 0u);`),
    "      for (var d = 0u; d < quads; d++) {",
    ...groups.map((g) => `      var a${g} = vec4f(0.0);`),
    `      if (which == 0u) { ${groups.map((g) => `a${g} = load_dy(row${g}, d, dkv);`).join(" ")} }`,
    `      else { ${groups.map((g) => `a${g} = load_q(row${g}, d, dkv);`).join(" ")} }`,
    ...weightedRows(tile),
    ...range(4).map(
      (j) => `      if (col + ${j}u < keys) {
        if (which == 0u) { store_dv(column${j}, d, dkv, o${j}, r > begin, 1.0); } else { store_dk(column${j}, d, dkv, o${j}, r > begin, 1.0); }
      }`,
    ),
    "      }",
    "    }",
    "  }",
  ].join("\n");
}
