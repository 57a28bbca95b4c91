// y[b, q, h, :] = sum over visible keys of p_k v[b, k, h, :], p = softmax(scale * q k^T + bias): attention of few queries. A row (b, h, q)
// a workgroup: each lane scores a key, then the lanes share the columns of v, key by key, with a running maximum and total (Dao et al.
// 2022). Decoding has a kernel of its own (decode.wgsl).
//! use row_subgroup
const LANES = 8u;
const SHARE = 16u;                   // columns of y that a lane holds: 128 / LANES
const LOWEST = -3.4e38;              // not -inf: implementations may assume that it does not occur
struct Params {
  rows: u32, heads: u32, queries: u32, keys: u32, dkv: u32, scale: f32, has_numbers: u32, is_causal: u32,
  has_bias: u32, offset: u32, distances: u32,
}
@group(0) @binding(0) var<storage, read> q: array<f32>;              // [batch, query, heads * dkv]
@group(0) @binding(1) var<storage, read> k: array<f32>;              // [batch, key, heads * dkv]
@group(0) @binding(2) var<storage, read> v: array<f32>;              // [batch, key, heads * dkv]
@group(0) @binding(3) var<storage, read> numbers: array<i32>;        // numbers.wgsl; anything if has_numbers == 0
@group(0) @binding(4) var<storage, read> bias_of: array<vec2u>;      // bias_of.wgsl; anything if has_bias == 0
@group(0) @binding(5) var<storage, read_write> y: array<f32>;        // [batch, query, heads * dkv]
@group(0) @binding(6) var<storage, read_write> stats: array<f32>;    // its first half is lse [batch, heads, query]
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let heads = params.heads;            // params are read once: a uniform load in the loops would cost as much as a storage load
  let queries = params.queries;
  let keys = params.keys;
  let dkv = params.dkv;
  let scale = params.scale;
  let has_numbers = params.has_numbers != 0u;
  let has_bias = params.has_bias != 0u;
  let stride = heads * dkv;
  let query = row % queries;
  let head = (row / queries) % heads;
  let batch = row / (queries * heads);
  var limit = keys;
  if (params.is_causal != 0u) { limit = min(limit, query + 1u); }
  var number = 0i;
  if (has_numbers) { number = numbers[batch * queries + query]; }
  let keys_at = params.rows / heads + batch * keys;                // numbers [batch, query], then [batch, key]
  let zero = head * params.distances + params.offset;
  let q_at = (batch * queries + query) * stride + head * dkv;
  let k_at = batch * keys * stride + head * dkv;
  var highest = LOWEST;
  var total = 0.0;
  var held = array<f32, SHARE>();
  for (var first = 0u; first < limit; first += LANES) {
    let key = first + lane;
    var visible = key < limit;
    if (has_numbers && numbers[keys_at + key] != number) { visible = false; }
    let row_at = k_at + min(key, keys - 1u) * stride;
    var dot = 0.0;
    for (var d = 0u; d < dkv; d++) { dot += q[q_at + d] * k[row_at + d]; }
    var score = dot * scale;
    if (has_bias) { score += bitcast<f32>(bias_of[zero + key - query].x); }
    score = select(LOWEST, clamp(score, -3.3e38, 3.3e38), visible);
    let before = highest;
    highest = max(highest, row_max(score));
    let shrink = exp(before - highest);
    let p = select(0.0, exp(score - highest), visible);
    total = total * shrink + row_sum(p);
    let last = min(LANES, limit - first);
    for (var c = 0u; lane + c * LANES < dkv; c++) { held[c] *= shrink; }
    for (var i = 0u; i < last; i++) {
      let weight = row_share(p, i);
      let v_at = k_at + (first + i) * stride + lane;
      for (var c = 0u; lane + c * LANES < dkv; c++) { held[c] += weight * v[v_at + c * LANES]; }
    }
  }
  let inverse = select(0.0, 1.0 / total, total > 0.0);
  for (var c = 0u; lane + c * LANES < dkv; c++) { y[q_at + lane + c * LANES] = held[c] * inverse; }
  if (lane == 0u) { stats[row] = select(0.0, highest + log(total), total > 0.0); }
}
