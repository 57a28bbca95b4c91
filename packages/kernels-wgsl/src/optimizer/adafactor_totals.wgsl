// Adafactor: what belongs to a whole parameter. rate = lr * max(floor, RMS(p)) if scaled, and what u is multiplied by:
//   rate * sqrt(mean of rows) / max(1, RMS(u) / threshold)
// One parameter a workgroup.
//! use row_subgroup
//! use update
const LANES = 8u;
struct Params { tensors: u32, scales: u32, floor: f32, threshold: f32 }
@group(0) @binding(0) var<storage, read> tensors: array<vec4u>;           // [tensors] of (rows, columns, row_at or 2^32 - 1, sum_at)
@group(0) @binding(1) var<storage, read> second: array<f32>;
@group(0) @binding(2) var<storage, read> sums: array<vec2f>;              // [rows of all] of (sum of p^2, sum of u^2)
@group(0) @binding(3) var<storage, read> step: array<Update>;             // [1]: rate = lr
@group(0) @binding(4) var<storage, read_write> totals: array<vec2f>;      // [tensors] of (factor of u, rate)
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let number = group.y * groups.x + group.x;
  if (number >= params.tensors || step[0].is_good == 0u) { return; }
  let shape = tensors[number];
  let is_matrix = shape.z != 0xffffffffu;
  var weights = 0.0;
  var updates = 0.0;
  var means = 0.0;
  for (var row = lane; row < shape.x; row += LANES) {
    let both = sums[shape.w + row];
    weights += both.x;
    updates += both.y;
    if (is_matrix) { means += second[shape.z + row]; }
  }
  let count = f32(shape.x) * f32(shape.y);
  let weight = sqrt(row_sum(weights) / count);
  let mean = select(1.0, row_sum(means) / f32(shape.x), is_matrix);
  let rms = sqrt(row_sum(updates) / count) * sqrt(mean);
  if (lane != 0u) { return; }
  let rate = step[0].rate * select(1.0, max(params.floor, weight), params.scales != 0u);
  totals[number] = vec2f(rate * sqrt(mean) / max(1.0, rms / params.threshold), rate);
}
