// delta[b, h, q], the second half of stats, = sum over the head of dy[b, q, h, :] * y[b, q, h, :]: what every ds of the row has subtracted (Dao et al. 2022).
// A lane owns a row.
struct Params { rows: u32, heads: u32, queries: u32, dkv: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;             // [batch, query, heads * dkv]
@group(0) @binding(1) var<storage, read> y: array<f32>;              // [batch, query, heads * dkv]
@group(0) @binding(2) var<storage, read_write> stats: array<f32>;    // [2, batch, heads, query]: lse, then delta
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.rows) { return; }
  let dkv = params.dkv;
  let query = i % params.queries;
  let head = (i / params.queries) % params.heads;
  let batch = i / (params.queries * params.heads);
  let base = ((batch * params.queries + query) * params.heads + head) * dkv;
  var sum = 0.0;
  for (var d = 0u; d < dkv; d++) { sum += dy[base + d] * y[base + d]; }
  stats[params.rows + i] = sum;
}
