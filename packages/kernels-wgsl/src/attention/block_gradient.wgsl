// For a block of queries, in place: s becomes keep * p and dp becomes ds = p * (keep * dp - delta), with p = exp(s + bias - lse) and keep
// dropout's 0 or 1 / (1 - p), drawn again from its counter; both are 0 on hidden keys. The products around it are matmuls, so the
// backward pass never holds more than a block of rows. s and dp [batch, heads, block, quads * 4] hold scaled scores and dy v^T of
// queries first ...; columns from cols on are padding. A workgroup walks several rows, a lane four keys of each at a time.
//! use philox
//! use program_state
const LANES = 16u;
const ROWS = 8u;                     // of a workgroup: what is the same for all is read once
struct Params {
  rows: u32, block: u32, first: u32, heads: u32, queries: u32, keys: u32, quads: u32, cols: u32, has_mask: u32, has_segments: u32,
  is_causal: u32, has_bias: u32, offset: u32, has_dropout: u32, site: u32, threshold: u32, keep: f32,
}
@group(0) @binding(0) var<storage, read> lse: array<f32>;            // [batch, heads, query]
@group(0) @binding(1) var<storage, read> delta: array<f32>;          // [batch, heads, query]
@group(0) @binding(2) var<storage, read> mask: array<i32>;           // [batch, key], or anything if has_mask == 0
@group(0) @binding(3) var<storage, read> query_segments: array<i32>; // [batch, query], or anything if has_segments == 0
@group(0) @binding(4) var<storage, read> key_segments: array<i32>;   // [batch, key], likewise
@group(0) @binding(5) var<storage, read> table: array<f32>;          // [buckets, heads], or anything if has_bias == 0
@group(0) @binding(6) var<storage, read> bucket_of: array<i32>;      // [distances], entry key - query + offset
@group(0) @binding(7) var<storage, read> state: ProgramState;        // read only with dropout
@group(0) @binding(8) var<storage, read_write> s: array<vec4f>;      // [batch, heads, block, quads]
@group(0) @binding(9) var<storage, read_write> dp: array<vec4f>;     // [batch, heads, block, quads]
@group(0) @binding(10) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first_row = (group.y * groups.x + group.x) * ROWS;
  let heads = params.heads;            // params are read once: a uniform load in the loop would cost as much as a storage load
  let quads = params.quads;
  let has_mask = params.has_mask != 0u;
  let has_segments = params.has_segments != 0u;
  let has_bias = params.has_bias != 0u;
  let has_dropout = params.has_dropout != 0u;
  let threshold = vec4u(params.threshold);
  let keep = vec4f(params.keep);
  let is_causal = params.is_causal != 0u;
  let block = params.block;
  let first_query = params.first;
  let queries = params.queries;
  let keys = params.keys;
  let cols = params.cols;
  let base_offset = params.offset;
  let noise = vec4u(0u, params.site, state.step, state.micro);
  let noise_key = vec2u(state.seed, 0u);
  let last_row = min(first_row + ROWS, params.rows);
  for (var row = first_row; row < last_row; row++) {
    let bh = row / block;
    let head = bh % heads;
    let query = first_query + row % block;
    let stat = bh * queries + query;
    let row_lse = lse[stat];
    let row_delta = delta[stat];
    let key_base = (bh / heads) * keys;
    let offset = base_offset - query;
    let noise_at = stat * ((keys + 3u) / 4u);
    var limit = cols;
    if (is_causal) { limit = min(limit, query + 1u); }
    var segment = 0i;
    if (has_segments) { segment = query_segments[(bh / heads) * queries + query]; }
    for (var quad = lane; quad < quads; quad += LANES) {
      let key = 4u * quad;
      let at = row * quads + quad;
      var visible = vec4u(key, key + 1u, key + 2u, key + 3u) < vec4u(limit);
      let c = key_base + key;
      if (has_mask) { visible = visible & (vec4i(mask[c], mask[c + 1u], mask[c + 2u], mask[c + 3u]) != vec4i(0)); }
      if (has_segments) {
        visible = visible & (vec4i(key_segments[c], key_segments[c + 1u], key_segments[c + 2u], key_segments[c + 3u]) == vec4i(segment));
      }
      var x = s[at];
      if (has_bias) {
        let d = offset + key;
        let bucket = vec4u(vec4i(bucket_of[d], bucket_of[d + 1u], bucket_of[d + 2u], bucket_of[d + 3u])) * heads + head;
        x += vec4f(table[bucket.x], table[bucket.y], table[bucket.z], table[bucket.w]);
      }
      let p = select(vec4f(0.0), exp(clamp(x, vec4f(-3.3e38), vec4f(3.3e38)) - row_lse), visible);
      var kept = vec4f(1.0);
      if (has_dropout) {
        let words = philox(vec4u(noise_at + quad, noise.y, noise.z, noise.w), noise_key);
        kept = select(vec4f(0.0), keep, words >= threshold);
      }
      s[at] = p * kept;
      dp[at] = select(vec4f(0.0), p * (kept * dp[at] - row_delta), visible);
    }
  }
}
