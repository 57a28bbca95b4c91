// Loss and gradient at once, the gradient in place of the logits: nothing of size [rows, cols] beside them.
//   loss[row] as in rows.wgsl;  x[row, :] = (softmax(x) - target) * weight[row],  target = (1 - smoothing) onehot(label) + smoothing / cols
// An ignored row (negative label) gives loss 0 and a row of zeros, whatever it held; a label beyond the columns gives NaN.
//! use row_subgroup
const LANES = 8u;
const LOWEST = -3.4e38;
const HAS_WEIGHT = true;             // else every weight is 1 and `weight` is not read
struct Params { rows: u32, cols: u32, smoothing: f32 }
@group(0) @binding(0) var<storage, read> labels: array<i32>;         // [rows]
@group(0) @binding(1) var<storage, read> weight: array<f32>;         // [rows]
@group(0) @binding(2) var<storage, read_write> x: array<f32>;        // logits [rows, cols]
@group(0) @binding(3) var<storage, read_write> loss: array<f32>;     // [rows]
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;
  let smoothing = params.smoothing;
  let base = row * cols;
  let label = labels[row];
  if (label < 0i) {                                                  // uniform in the row
    for (var col = lane; col < cols; col += LANES) { x[base + col] = 0.0; }
    if (lane == 0u) { loss[row] = 0.0; }
    return;
  }
  var highest = LOWEST;
  for (var col = lane; col < cols; col += LANES) { highest = max(highest, x[base + col]); }
  highest = row_max(highest);
  var sum = 0.0;
  var below = 0.0;
  var found = 0.0;                   // the label's logit, met by the lane that owns its column: another lane might read it too late
  for (var col = lane; col < cols; col += LANES) {
    let v = x[base + col] - highest;
    sum += exp(v);
    below -= v;
    found += select(0.0, v, col == u32(label));
  }
  sum = row_sum(sum);
  let log_sum = log(sum);
  below = row_sum(below) / f32(cols);
  let not_a_number = bitcast<f32>(select(0u, 0x7fc00000u, u32(label) >= cols));
  let of_label = log_sum - row_sum(found);
  let smooth_part = select(0.0, smoothing * (log_sum + below - of_label), smoothing > 0.0);
  var scale = 1.0;
  if (HAS_WEIGHT) { scale = weight[row]; }
  scale += not_a_number;
  let on_label = 1.0 - smoothing;
  let on_all = smoothing / f32(cols);
  for (var col = lane; col < cols; col += LANES) {
    let p = exp(x[base + col] - highest) / sum;
    x[base + col] = (p - on_all - select(0.0, on_label, col == u32(label))) * scale;
  }
  if (lane == 0u) { loss[row] = of_label + smooth_part + not_a_number; }
}
