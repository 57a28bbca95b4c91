// y = x * rstd * w with rstd = (mean(x^2) + eps)^-0.5 (Zhang & Sennrich 2019; T5's layer norm: no mean, no bias).
// rstd is kept for backward. One row a workgroup.
//! use row_subgroup
const LANES = 8u;
struct Params { rows: u32, cols: u32, eps: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;              // [rows, cols]
@group(0) @binding(1) var<storage, read> w: array<f32>;              // [cols]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;        // [rows, cols]
@group(0) @binding(3) var<storage, read_write> rstd: array<f32>;     // [rows]
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;            // a uniform load in the loop would cost as much as a storage load
  let base = row * cols;
  var squares = 0.0;
  for (var col = lane; col < cols; col += LANES) { squares += x[base + col] * x[base + col]; }
  let r = inverseSqrt(row_sum(squares) / f32(cols) + params.eps);
  for (var col = lane; col < cols; col += LANES) { y[base + col] = x[base + col] * r * w[col]; }
  if (lane == 0u) { rstd[row] = r; }
}
