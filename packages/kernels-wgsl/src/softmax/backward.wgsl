// ds[row, :] = p * (dp - sum(dp * p)), the gradient of a softmax row; hidden keys have p = 0 and so ds = 0. One row a workgroup.
//! use row_subgroup
const LANES = 8u;
struct Params { rows: u32, cols: u32 }
@group(0) @binding(0) var<storage, read> p: array<f32>;          // [rows, cols]
@group(0) @binding(1) var<storage, read> dp: array<f32>;         // [rows, cols]
@group(0) @binding(2) var<storage, read_write> ds: array<f32>;   // [rows, cols]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;            // a uniform load in the loop would cost as much as a storage load
  let base = row * cols;
  var dot = 0.0;
  for (var col = lane; col < cols; col += LANES) { dot += p[base + col] * dp[base + col]; }
  dot = row_sum(dot);
  for (var col = lane; col < cols; col += LANES) { ds[base + col] = p[base + col] * (dp[base + col] - dot); }
}
