// y = x / (1 - p) where a random word is at least p * 2^32, else 0. The words come from Philox at counter
// (element / 4, site, step, micro); a piece of x (split/axes.ts) begins at quad `first` under the run's seed, so no mask is stored: backward calls this kernel again on dy.
//! use pointwise
//! use philox
//! use program_state
struct Params { quads: u32, site: u32, threshold: u32, scale: f32, first: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> state: ProgramState;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.quads) { return; }
  let words = philox(vec4u(params.first + i, params.site, state.step, state.micro), vec2u(state.seed, 0u));
  y[i] = f_dropout(x[i], words, params.threshold, params.scale);
}
