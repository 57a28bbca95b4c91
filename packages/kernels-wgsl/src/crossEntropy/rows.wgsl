// Cross-entropy of rows x [cols] against a target that puts 1 - smoothing on the label and spreads smoothing over all columns
// (Szegedy et al. 2016), as torch's label_smoothing:
//   loss[row] = (1 - smoothing) * (lse - x[label]) + smoothing * (lse - mean(x)),  lse = log(sum(exp(x)))
// A negative label is ignored: loss 0. A label beyond the columns gives NaN, so that a wrong batch stops a run instead of training on
// another row's logits. One row a workgroup; the maximum and the sums are taken in two passes. lse is kept for backward.
//! use row_subgroup
const LANES = 8u;
const LOWEST = -3.4e38;
struct Params { rows: u32, cols: u32, smoothing: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;              // logits [rows, cols]
@group(0) @binding(1) var<storage, read> labels: array<i32>;         // [rows]
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;     // [rows]
@group(0) @binding(3) var<storage, read_write> lse: array<f32>;      // [rows]
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;            // a uniform load in the loop would cost as much as a storage load
  let label = labels[row];
  if (label < 0i) {                                                  // uniform in the row: the whole subgroup leaves
    if (lane == 0u) { loss[row] = 0.0; lse[row] = 0.0; }
    return;
  }
  let base = row * cols;
  var highest = LOWEST;
  for (var col = lane; col < cols; col += LANES) { highest = max(highest, x[base + col]); }
  highest = row_max(highest);
  var sum = 0.0;
  var below = 0.0;                   // sum of highest - x: added to lse - highest it keeps the digits that a large x would take
  for (var col = lane; col < cols; col += LANES) {
    let v = x[base + col] - highest;
    sum += exp(v);
    below -= v;
  }
  let log_sum = log(row_sum(sum));
  below = row_sum(below) / f32(cols);
  if (lane == 0u) {
    let of_label = log_sum - (x[base + min(u32(label), cols - 1u)] - highest);
    let smooth_part = select(0.0, params.smoothing * (log_sum + below - of_label), params.smoothing > 0.0);
    let bits = select(0u, 0x7fc00000u, u32(label) >= cols);
    loss[row] = of_label + smooth_part + bitcast<f32>(bits);
    lse[row] = highest + log_sum;
  }
}
