// cache[row, past, :] = x[row, :]: the newest key or value row of each sequence goes to its place in the KV cache.
//! use program_state
struct Params { rows: u32, capacity: u32, cols: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;                  // [rows, cols]
@group(0) @binding(1) var<storage, read> state: ProgramState;
@group(0) @binding(2) var<storage, read_write> cache: array<f32>;        // [rows, capacity, cols]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.rows * params.cols || state.past >= params.capacity) { return; }
  let row = i / params.cols;
  cache[(row * params.capacity + state.past) * params.cols + i % params.cols] = x[i];
}
