// sums[b, h, d] (+)= sum of ds[b, h, q, k] of a block of queries on the diagonal k - q + queries - 1 = d: the first half of the gradient of
// T5's bias table. A lane owns a diagonal, so the order is fixed.
struct Params { count: u32, block: u32, first: u32, queries: u32, cols: u32, stride: u32, diagonals: u32, accumulate: u32, place: u32 }
@group(0) @binding(0) var<storage, read> ds: array<f32>;             // [batch, heads, block, stride]; columns from cols on are padding
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;     // [batch, heads, diagonals], from element `place` on
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.count) { return; }
  let block = params.block;
  let cols = params.cols;
  let stride = params.stride;
  let bh = i / params.diagonals;
  let d = i32(i % params.diagonals) - i32(params.queries) + 1 + i32(params.first);   // key = row + d for row 0 .. of the block
  let first = u32(max(0, -d));
  var sum = 0.0;
  for (var row = first; row < block; row++) {
    let key = u32(i32(row) + d);
    if (key >= cols) { break; }
    sum += ds[(bh * block + row) * stride + key];
  }
  if (params.accumulate != 0u) { sum += sums[params.place + i]; }
  sums[params.place + i] = sum;
}
