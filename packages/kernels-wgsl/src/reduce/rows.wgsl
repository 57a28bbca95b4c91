// y[row] = scale * sum over x[row, :], x [rows, cols]. One row a workgroup: LANES lanes take strided shares, in a fixed order.
//! use row_subgroup
const LANES = 8u;
struct Params { rows: u32, cols: u32, scale: f32, squares: u32, root: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;          // [rows, cols]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;    // [rows]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;            // a uniform load in the loop would cost as much as a storage load
  let squares = params.squares != 0u;
  var sum = 0.0;
  for (var col = lane; col < cols; col += LANES) {
    let v = x[row * cols + col];
    sum += select(v, v * v, squares);
  }
  sum = params.scale * row_sum(sum);
  if (lane == 0u) { y[row] = select(sum, sqrt(sum), params.root != 0u); }
}
