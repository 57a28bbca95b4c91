// y[outer, inner] (+)= scale * sum over the middle axis of x [outer, middle, inner]. A lane owns one output and walks the
// middle axis, so the order is fixed and nothing is atomic; neighbours read neighbouring addresses.
struct Params { outer: u32, middle: u32, inner: u32, scale: f32, accumulate: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;          // [outer, middle, inner]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;    // [outer, inner]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.outer * params.inner) { return; }
  let base = (i / params.inner) * params.middle * params.inner + i % params.inner;
  var sum = 0.0;
  for (var m = 0u; m < params.middle; m++) { sum += x[base + m * params.inner]; }
  sum *= params.scale;
  if (params.accumulate != 0u) { sum += y[i]; }
  y[i] = sum;
}
