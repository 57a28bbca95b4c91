// cache[row / group, first + row % group * step (+ state.past if IS_LIVE), :] = x[row, :]: keys or values go to their places in the cache, in
// the region of their source. A prompt's rows come all at once (step 1); decoding adds one row a sequence, each in room of its own.
//! use program_state
struct Params { rows: u32, cols: u32, group: u32, region: u32, first: u32, step: u32, is_live: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;                  // [rows, cols]
@group(0) @binding(1) var<storage, read> state: ProgramState;            // read only if is_live
@group(0) @binding(2) var<storage, read_write> cache: array<f32>;        // [rows / group, region, cols]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let cols = params.cols;
  let row = i / cols;
  if (row >= params.rows) { return; }
  var place = params.first + row % params.group * params.step;
  if (params.is_live != 0u) {
    if (state.past >= params.step) { return; }       // no room left: nothing may go where another sequence lies
    place += state.past;
  }
  if (place >= params.region) { return; }
  cache[(row / params.group * params.region + place) * cols + i % cols] = x[i];
}
