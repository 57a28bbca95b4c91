// dw[col] (+)= sum over rows of dy * (x - mean) * rstd: the weight's gradient of both norms (mean = 0 for RMS norm).
// STATS says how stats is laid out. A lane owns a column and walks the rows: fixed order, no atomics.
const HAS_MEAN = false;
struct Params { rows: u32, cols: u32, accumulate: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;          // [rows, cols]
@group(0) @binding(1) var<storage, read> stats: array<f32>;      // [rows] rstd, or [rows, 2] mean and rstd if HAS_MEAN
@group(0) @binding(2) var<storage, read> dy: array<f32>;         // [rows, cols]
@group(0) @binding(3) var<storage, read_write> dw: array<f32>;   // [cols]
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let col = group.x * 64u + lane;
  if (col >= params.cols) { return; }
  var sum = 0.0;
  for (var row = 0u; row < params.rows; row++) {
    let i = row * params.cols + col;
    if (HAS_MEAN) { sum += dy[i] * (x[i] - stats[2u * row]) * stats[2u * row + 1u]; }
    else { sum += dy[i] * x[i] * stats[row]; }
  }
  if (params.accumulate != 0u) { sum += dw[col]; }
  dw[col] = sum;
}
