// sums[h, d] = sum of dy[h, q, k] on the diagonal k - q + offset = d: the first half of the bias table's gradient.
// offset is queries - 1 here, so d runs over 0 .. queries + keys - 2. A lane owns a diagonal.
struct Params { heads: u32, queries: u32, keys: u32 }
@group(0) @binding(0) var<storage, read> dy: array<f32>;             // [heads, query, key]
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;     // [heads, queries + keys - 1]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let diagonals = params.queries + params.keys - 1u;
  if (i >= params.heads * diagonals) { return; }
  let head = i / diagonals;
  let d = i % diagonals;                                             // key = query + d - (queries - 1)
  let first = u32(max(0, i32(params.queries) - 1 - i32(d)));
  var sum = 0.0;
  for (var query = first; query < params.queries; query++) {
    let key = query + d + 1u - params.queries;
    if (key >= params.keys) { break; }
    sum += dy[(head * params.queries + query) * params.keys + key];
  }
  sums[i] = sum;
}
