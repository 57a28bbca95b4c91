// y[row, :] = x[row, :] * s[row]. One row a workgroup.
const LANES = 8u;
struct Params { rows: u32, cols: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;          // [rows, cols]
@group(0) @binding(1) var<storage, read> s: array<f32>;          // [rows]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;    // [rows, cols]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;
  for (var col = lane; col < cols; col += LANES) { y[row * cols + col] = x[row * cols + col] * s[row]; }
}
