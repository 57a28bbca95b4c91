// y = (x - mean) * rstd * w + b with rstd = (var + eps)^-0.5 (Ba et al. 2016). The variance is taken about the mean in a
// second pass: E[x^2] - mean^2 would cancel. mean and rstd are kept for backward. One row a workgroup.
//! use row_subgroup
const LANES = 8u;
struct Params { rows: u32, cols: u32, eps: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;              // [rows, cols]
@group(0) @binding(1) var<storage, read> w: array<f32>;              // [cols]
@group(0) @binding(2) var<storage, read> b: array<f32>;              // [cols]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;        // [rows, cols]
@group(0) @binding(4) var<storage, read_write> stats: array<vec2f>;  // [rows] of (mean, rstd)
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;            // a uniform load in the loop would cost as much as a storage load
  let base = row * cols;
  var sum = 0.0;
  for (var col = lane; col < cols; col += LANES) { sum += x[base + col]; }
  let mean = row_sum(sum) / f32(cols);
  var squares = 0.0;
  for (var col = lane; col < cols; col += LANES) { let d = x[base + col] - mean; squares += d * d; }
  let r = inverseSqrt(row_sum(squares) / f32(cols) + params.eps);
  for (var col = lane; col < cols; col += LANES) { y[base + col] = (x[base + col] - mean) * r * w[col] + b[col]; }
  if (lane == 0u) { stats[row] = vec2f(mean, r); }
}
