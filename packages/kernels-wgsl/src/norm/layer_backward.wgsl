// dx = rstd * (g - mean(g) - xhat * mean(g * xhat)) with g = dy * w and xhat = (x - mean) * rstd, plus the gradient
// that waits for x already if HAS_RESIDUAL. One row a workgroup.
//! use row_subgroup
const LANES = 8u;
const HAS_RESIDUAL = false;
struct Params { rows: u32, cols: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;          // [rows, cols]
@group(0) @binding(1) var<storage, read> w: array<f32>;          // [cols]
@group(0) @binding(2) var<storage, read> stats: array<vec2f>;    // [rows] of (mean, rstd)
@group(0) @binding(3) var<storage, read> dy: array<f32>;         // [rows, cols]
@group(0) @binding(4) var<storage, read> residual: array<f32>;   // [rows, cols]
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;   // [rows, cols]
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;            // a uniform load in the loop would cost as much as a storage load
  let base = row * cols;
  let stat = stats[row];
  var sum = 0.0;
  var dot = 0.0;
  for (var col = lane; col < cols; col += LANES) {
    let g = dy[base + col] * w[col];
    sum += g;
    dot += g * (x[base + col] - stat.x) * stat.y;
  }
  let mean_g = row_sum(sum) / f32(cols);
  let mean_dot = row_sum(dot) / f32(cols);
  for (var col = lane; col < cols; col += LANES) {
    let xhat = (x[base + col] - stat.x) * stat.y;
    var d = stat.y * (dy[base + col] * w[col] - mean_g - xhat * mean_dot);
    if (HAS_RESIDUAL) { d += residual[base + col]; }
    dx[base + col] = d;
  }
}
