// dx = dy - exp(y) * sum(dy) for y = log softmax of x. One row a workgroup.
//! use row_subgroup
const LANES = 8u;
struct Params { rows: u32, cols: u32 }
@group(0) @binding(0) var<storage, read> y: array<f32>;          // [rows, cols]
@group(0) @binding(1) var<storage, read> dy: array<f32>;         // [rows, cols]
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;   // [rows, cols]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;            // a uniform load in the loops would cost as much as a storage load
  let base = row * cols;
  var sum = 0.0;
  for (var col = lane; col < cols; col += LANES) { sum += dy[base + col]; }
  sum = row_sum(sum);
  for (var col = lane; col < cols; col += LANES) { dx[base + col] = dy[base + col] - exp(y[base + col]) * sum; }
}
