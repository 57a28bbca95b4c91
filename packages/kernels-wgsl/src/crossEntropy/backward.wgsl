// dx[row, col] = (exp(x - lse) - [col == label]) * dloss[row]; a row of zeros where the label is negative (ignored).
struct Params { rows: u32, cols: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;              // logits [rows, cols]
@group(0) @binding(1) var<storage, read> labels: array<i32>;         // [rows]
@group(0) @binding(2) var<storage, read> lse: array<f32>;            // [rows]
@group(0) @binding(3) var<storage, read> dloss: array<f32>;          // [rows]
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;       // [rows, cols]
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.rows * params.cols) { return; }
  let row = i / params.cols;
  let label = labels[row];
  if (label < 0i) { dx[i] = 0.0; return; }
  let hit = select(0.0, 1.0, i % params.cols == u32(label));
  dx[i] = (exp(x[i] - lse[row]) - hit) * dloss[row];
}
