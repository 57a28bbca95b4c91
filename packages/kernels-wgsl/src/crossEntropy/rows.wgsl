// loss[row] = logsumexp(x[row, :]) - x[row, label], 0 where the label is negative (ignored). lse is kept for backward.
// One row a workgroup; the maximum and the sum are taken in two passes.
//! use row_subgroup
const LANES = 8u;
const LOWEST = -3.4e38;
struct Params { rows: u32, cols: u32 }
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
  for (var col = lane; col < cols; col += LANES) { sum += exp(x[base + col] - highest); }
  let total = highest + log(row_sum(sum));
  if (lane == 0u) { loss[row] = total - x[base + u32(label)]; lse[row] = total; }
}
