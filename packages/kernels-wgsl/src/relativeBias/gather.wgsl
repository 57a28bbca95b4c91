// y[h, q, k] = table[bucket_of[k - q + offset], h]: T5's relative position bias (Raffel et al. 2020). The bucket of every
// distance is computed once on the host, whose f32 logarithm is exact to the reference. LIVE: the one query is state.past.
//! use program_state
const LIVE = false;
struct Params { heads: u32, queries: u32, keys: u32, offset: u32 }
@group(0) @binding(0) var<storage, read> table: array<f32>;          // [buckets, heads]
@group(0) @binding(1) var<storage, read> bucket_of: array<i32>;      // [distances], entry key - query + offset
@group(0) @binding(2) var<storage, read> state: ProgramState;        // read only if LIVE
@group(0) @binding(3) var<storage, read_write> y: array<f32>;        // [heads, query, key]
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.heads * params.queries * params.keys) { return; }
  let key = i % params.keys;
  var query = (i / params.keys) % params.queries;
  let head = i / (params.keys * params.queries);
  if (LIVE) { query += state.past; }
  y[i] = table[u32(bucket_of[key + params.offset - query]) * params.heads + head];
}
