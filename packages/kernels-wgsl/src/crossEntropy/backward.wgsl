// dx[row, :] = (exp(x - lse) - target) * dloss[row], target = (1 - smoothing) onehot(label) + smoothing / cols; a row of zeros where
// the label is negative (ignored). One row a workgroup, so that label, lse and dloss are read once and no lane divides to find its row.
const LANES = 8u;
struct Params { rows: u32, cols: u32, smoothing: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;              // logits [rows, cols]
@group(0) @binding(1) var<storage, read> labels: array<i32>;         // [rows]
@group(0) @binding(2) var<storage, read> lse: array<f32>;            // [rows]
@group(0) @binding(3) var<storage, read> dloss: array<f32>;          // [rows]
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;       // [rows, cols]
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;
  let base = row * cols;
  let label = labels[row];
  let total = lse[row];
  let scale = dloss[row];
  let on_label = 1.0 - params.smoothing;
  let on_all = params.smoothing / f32(cols);
  let hit = select(u32(label), cols, label < 0i);                   // cols: nowhere
  for (var col = lane; col < cols; col += LANES) {
    let p = exp(x[base + col] - total) - on_all - select(0.0, on_label, col == hit);
    dx[base + col] = select(p, 0.0, label < 0i) * scale;             // an ignored row may hold anything
  }
}
