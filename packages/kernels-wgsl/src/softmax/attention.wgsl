// p[b, h, q, :] = softmax over the visible keys of s[b, h, q, :] + bias[h, q, :]; p is 0 on hidden keys (masked by condition,
// never by adding -inf) and on rows that see no key. A key is hidden by mask[b, key] == 0, by causality (key > query),
// or by not being in the cache yet (LIVE: key > state.past). One row a workgroup.
//! use row_subgroup
//! use program_state
const LANES = 8u;
const LIVE = false;
const LOWEST = -3.4e38;              // not -inf: implementations may assume that it does not occur
struct Params { rows: u32, heads: u32, queries: u32, keys: u32, has_bias: u32, has_mask: u32, is_causal: u32 }
@group(0) @binding(0) var<storage, read> s: array<f32>;          // [batch, heads, query, key]
@group(0) @binding(1) var<storage, read> bias: array<f32>;       // [heads, query, key], or anything if has_bias == 0
@group(0) @binding(2) var<storage, read> mask: array<i32>;       // [batch, key], or anything if has_mask == 0
@group(0) @binding(3) var<storage, read> state: ProgramState;    // read only if LIVE
@group(0) @binding(4) var<storage, read_write> p: array<f32>;    // [batch, heads, query, key]
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let keys = params.keys;              // params are read once: a uniform load in the loops would cost as much as a storage load
  let has_bias = params.has_bias != 0u;
  let has_mask = params.has_mask != 0u;
  let query = row % params.queries;
  let head = (row / params.queries) % params.heads;
  let batch = row / (params.queries * params.heads);
  var limit = keys;
  if (params.is_causal != 0u) { limit = min(limit, query + 1u); }
  if (LIVE) { limit = min(limit, state.past + 1u); }
  let base = row * keys;
  let bias_base = (head * params.queries + query) * keys;
  let mask_base = batch * keys;
  var highest = LOWEST;
  for (var key = lane; key < limit; key += LANES) {
    if (has_mask && mask[mask_base + key] == 0i) { continue; }
    var score = s[base + key];
    if (has_bias) { score += bias[bias_base + key]; }
    highest = max(highest, score);
  }
  highest = row_max(highest);
  var sum = 0.0;
  for (var key = lane; key < keys; key += LANES) {
    var e = 0.0;
    if (key < limit && !(has_mask && mask[mask_base + key] == 0i)) {
      var score = s[base + key];
      if (has_bias) { score += bias[bias_base + key]; }
      e = exp(score - highest);
    }
    sum += e;
    p[base + key] = e;
  }
  sum = row_sum(sum);
  let inverse = select(0.0, 1.0 / sum, sum > 0.0);
  for (var key = lane; key < keys; key += LANES) { p[base + key] *= inverse; }
}
