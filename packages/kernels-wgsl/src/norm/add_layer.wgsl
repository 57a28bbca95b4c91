// sum = a + alpha * b and its layer norm y = (sum - mean) * rstd * w + b' in one call: a residual connection and the norm that
// follows it. The arithmetic is that of elementwise/binary.wgsl and norm/layer.wgsl. One row a workgroup.
//! use pointwise
//! use row_subgroup
const LANES = 8u;
struct Params { rows: u32, cols: u32, eps: f32, alpha: f32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;              // [rows, cols]
@group(0) @binding(1) var<storage, read> b: array<f32>;              // [rows, cols]
@group(0) @binding(2) var<storage, read> w: array<f32>;              // [cols]
@group(0) @binding(3) var<storage, read> shift: array<f32>;          // [cols]
@group(0) @binding(4) var<storage, read_write> sum: array<f32>;      // [rows, cols]
@group(0) @binding(5) var<storage, read_write> y: array<f32>;        // [rows, cols]
@group(0) @binding(6) var<storage, read_write> stats: array<vec2f>;  // [rows] of (mean, rstd)
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;            // a uniform load in the loop would cost as much as a storage load
  let alpha = params.alpha;
  let base = row * cols;
  var total = 0.0;
  for (var col = lane; col < cols; col += LANES) {
    let s = f_add(vec4f(a[base + col]), vec4f(b[base + col]), alpha).x;
    sum[base + col] = s;
    total += s;
  }
  let mean = row_sum(total) / f32(cols);
  var squares = 0.0;
  for (var col = lane; col < cols; col += LANES) { let d = sum[base + col] - mean; squares += d * d; }
  let r = inverseSqrt(row_sum(squares) / f32(cols) + params.eps);
  for (var col = lane; col < cols; col += LANES) { y[base + col] = (sum[base + col] - mean) * r * w[col] + shift[col]; }
  if (lane == 0u) { stats[row] = vec2f(mean, r); }
}
