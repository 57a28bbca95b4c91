// y[row, :] = log softmax of x[row, :] = x - max - log(sum(exp(x - max))). One row a workgroup.
//! use row_subgroup
const LANES = 8u;
const LOWEST = -3.4e38;              // not -inf: implementations may assume that it does not occur
struct Params { rows: u32, cols: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;          // [rows, cols]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;    // [rows, cols]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;            // a uniform load in the loops would cost as much as a storage load
  let base = row * cols;
  var highest = LOWEST;
  for (var col = lane; col < cols; col += LANES) { highest = max(highest, x[base + col]); }
  highest = row_max(highest);
  var sum = 0.0;
  for (var col = lane; col < cols; col += LANES) { sum += exp(x[base + col] - highest); }
  let logarithm = log(row_sum(sum));
  for (var col = lane; col < cols; col += LANES) { y[base + col] = x[base + col] - highest - logarithm; }
}
