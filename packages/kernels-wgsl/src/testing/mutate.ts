// Small, plausible mistakes in a kernel's text. A test suite that a mutant passes does not test what the mutant broke.

export interface MutationRule {
  readonly name: string;
  readonly find: RegExp;
  readonly replace: string;
}

export const mutationRules: readonly MutationRule[] = [
  {
    name: "sum starts at 1",
    find: /(var (?:sum|dot|squares|total) = )(?:0\.0|vec4f\(0\.0\));/,
    replace: "$11.0 + 0.0 * vec4f(0.0).x;",
  },
  { name: "accumulator starts at 1", find: /(var s0(?:_0)? = )(0\.0|vec4f\(0\.0\));/, replace: "$1$2 + 1.0;" },
  { name: "adds become subtractions", find: / \+= (?!LANES|4u|1u)/, replace: " -= " },
  { name: "first element skipped", find: /(var (?:m|row|t|d|k|query) = )(0u|first);/, replace: "$1$2 + 1u;" },
  { name: "first column skipped", find: /(var (?:col|key|i) = (?:begin \+ )?lane);/, replace: "$1 + 1u;" },
  { name: "lanes stride too far", find: /\+= LANES\)/, replace: "+= LANES + 1u)" },
  { name: "row reduction dropped", find: /(?<!fn )row_(?:sum|max)\(((?:[^()]|\([^()]*\))*)\)/, replace: "($1)" },
  { name: "scale ignored", find: /params\.(?:scale|alpha)\d*/, replace: "1.0" },
  { name: "wrong exponential", find: /\bexp\(/, replace: "exp2(" },
  { name: "mask dropped", find: /has_mask && mask\[[^\]]*\] == 0i/, replace: "has_mask && false" },
  { name: "ignored rows counted", find: /label < 0i/, replace: "label < -1000i" },
  { name: "places of another row", find: /row \/ params\.place_rows/, replace: "row" },
  { name: "region of another source", find: /row \/ params\.source_rows/, replace: "0u * row" },
  { name: "hidden place seen", find: /place >= 0i/, replace: "place >= -1i" },
  { name: "causal limit off by one", find: /query \+ 1u/, replace: "query + 2u" },
  { name: "live limit off by one", find: /state\.past \+ 1u\)/, replace: "state.past + 2u)" },
  { name: "accumulate inverted", find: /params\.accumulate != 0u/, replace: "params.accumulate == 0u" },
  { name: "lanes beyond k counted", find: /, inside\)/, replace: ", true)" },
  { name: "edge of a panel filled", find: /< vec4u\(size\)/, replace: "< vec4u(size + 4u)" },
  { name: "panels confused", find: /\(panel % params\.panels\)/, replace: "(0u * panel)" },
  { name: "column step ignored", find: /params\.([ab])_step/, replace: "1u" },
  { name: "inner batch ignored", find: /\(?z % params\.inner\)?/, replace: "0u" },
  { name: "tile row ignored", find: /let r = \(\(tile_index/, replace: "let r = ((0u * tile_index" },
  { name: "odd half for even", find: /\(i & 1u\) == 1u/, replace: "(i & 1u) == 0u" },
  { name: "epilogue flag inverted", find: /\(flags & (\d+)u\) != 0u/, replace: "(flags & $1u) == 0u" },
  { name: "lowest is zero", find: /(const LOWEST = )[^;]*/, replace: "$10.0" },
  { name: "operands swapped", find: /\breturn a \/ b;/, replace: "return b / a;" },
  { name: "wrong constant", find: /0\.044715/, replace: "0.045715" },
  { name: "epsilon dropped", find: / \+ params\.eps\)/, replace: ")" },
  { name: "second moment for first", find: /params\.beta1 \*/, replace: "params.beta2 *" },
  { name: "place off by one", find: /place \+= state\.past;/, replace: "place += state.past + 1u;" },
  { name: "threshold inverted", find: /words >= (vec4u|threshold)/, replace: "words < $1" },
  { name: "random words shifted", find: /(noise \+ vec4u\(|vec4u\(noise_at \+ )/, replace: "$1 1u + " },
  { name: "key limit off by one", find: /(?<=vec4u\(key\) |key )< limit|< vec4u\(limit\)/, replace: "<= vec4u(limit)" },
  { name: "other segments seen", find: /== (segment|vec4i\(segment\))\)/, replace: "!= $1)" },
  { name: "bias at the next distance", find: /(bias_at\(|\[params\.|base_)offset /, replace: "$1offset + 1u " },
  { name: "row sum not taken off", find: / - (?:row_delta|delta\[[^\]]*\])\)/, replace: ")" },
  { name: "maximum not rescaled", find: /let shrink = exp\([^;]*;/, replace: "let shrink = exp(0.0 * highest);" },
  { name: "normaliser dropped", find: /1\.0 \/ total/, replace: "total / total" },
  { name: "columns of another lane", find: /let col = c0 \+ 4u \* l;/, replace: "let col = c0 + 3u * l;" },
  { name: "diagonals drift", find: /diagonal = vec4f\(0\.0, diagonal\.xyz\);/, replace: "diagonal = vec4f(0.0, diagonal.xxz);" },
  { name: "last bucket shifted", find: /bucket_of\[d \+ shift\]/, replace: "bucket_of[d + shift + 1u]" },
  { name: "wrong broadcast lane", find: /subgroupBroadcast\((a\d?(?:_0)?\.x|a0\.x), 0u\)/, replace: "subgroupBroadcast($1, 1u)" },
  { name: "half dropped", find: /\bw\.x << 16u/, replace: "w.x" },
  {
    name: "half words swapped",
    find: /unpack2x16float\(w\.x\), unpack2x16float\(w\.y\)/,
    replace: "unpack2x16float(w.y), unpack2x16float(w.x)",
  },
  {
    name: "wrong bucket",
    find: /bucket_of\[key \+ params\.offset - query\]/,
    replace: "bucket_of[key + params.offset - query + 1u]",
  },
  { name: "column shifted", find: /\bi % params\.cols\b/, replace: "(i + 1u) % params.cols" },
  { name: "range test dropped", find: /id < 0i \|\| u32\(id\) >= params\.rows/, replace: "false" },
  { name: "tie shared wrongly", find: /vec4f\(0\.5\), a == b/, replace: "vec4f(1.0), a == b" },
  // of the generated chains alone (elementwise/fused.ts)
  { name: "chain stores an earlier value", find: /(s\d+\[i\] = )v[1-9]\d*;/, replace: "$1v0;" },
  { name: "chain loads the neighbour", find: /(let e\d+ = s\d+\[i\]);/, replace: "$1.yzwx;" },
  { name: "chain repeats no row", find: / % params\.row\d+/, replace: "" },
  { name: "tail guard dropped", find: /if \((?:i|q|row|tile|block|begin|col)(?: \* 4u)? >= [^{;]*\) \{ return; \}/, replace: "" },
  { name: "second dimension of the grid ignored", find: /group\.y \* groups\.x \+ group\.x/, replace: "group.x" },
  { name: "barrier dropped", find: /workgroupBarrier\(\);/, replace: "" },
  { name: "minimum for maximum", find: /\bmax\(/, replace: "min(" },
  { name: "loop ends early", find: /; (\w+) < ([\w.]+);/, replace: "; $1 + 1u < $2;" },
  { name: "bound off by one", find: /(?<![<;] ?\w*) < (?=[\w.]+[)&; ])/, replace: " <= " },
  { name: "batch stride ignored", find: /\bbatch \* (?:queries|keys)/, replace: "0u * batch" },
  { name: "workgroup memory transposed", find: /\[k \* TILE \+ id\.y/, replace: "[k * TILE + id.x" },
  { name: "result scaled", find: /\bkeep\b(?=\)|,)/, replace: "keep * 1.01" },
  { name: "padding mask inverted", find: /mask\[(params\.first_key \+ key)\] == 0i/, replace: "mask[$1] != 0i" },
  {
    name: "segment of a query for a key's",
    find: /number = key_segments\[(params\.first_key \+ key)\]/,
    replace: "number = query_segments[$1]",
  },
  {
    name: "bucket of the next distance",
    find: /bucket_of\[i % params\.distances\]/,
    replace: "bucket_of[(i + 1u) % params.distances]",
  },
  { name: "cleared to one", find: /= vec4f\(0\.0\);\n\}/, replace: "= vec4f(1.0);\n}" },
  { name: "comparison inverted", find: /key < best/, replace: "key > best" },
  { name: "NaN is no largest", find: /size > 0x7f800000u/, replace: "false" },
  { name: "signs confused", find: /bits != size/, replace: "bits == size" },
  { name: "ties not left behind", find: /col > last_col/, replace: "col >= last_col" },
  { name: "whole for a part of the exponent", find: /0x7f800000u\) == 0x7f800000u/, replace: "0x7f800000u) == 0x7f000000u" },
];

/** The text with one rule applied to its `occurrence`-th match (from 0), or null where there is none. */
export function mutate(code: string, rule: MutationRule, occurrence = 0): string | null {
  const body = code.indexOf("@compute") < 0 ? 0 : code.search(/^(?:const LOWEST|struct Params|fn |@compute)/m);
  const pattern = new RegExp(rule.find.source, "g");
  pattern.lastIndex = 0;
  let seen = 0;
  for (const match of code.matchAll(pattern)) {
    if (match.index < body || isComment(code, match.index)) continue;
    if (seen++ < occurrence) continue;
    const here = new RegExp(rule.find.source, "y"); // on the whole text: a rule may look at what stands around
    here.lastIndex = match.index;
    return code.replace(here, rule.replace);
  }
  return null;
}

function isComment(code: string, index: number): boolean {
  const line = code.slice(code.lastIndexOf("\n", index) + 1, index);
  return line.includes("//");
}
