// y += alpha * x. Elements beyond count keep y's value: y may be a slice of an arena whose padding must stay zero,
// because the gradient norm sums over it.
//! use pointwise
struct Params { count: u32, alpha: f32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i * 4u >= params.count) { return; }
  let inside = vec4u(0u, 1u, 2u, 3u) + i * 4u < vec4u(params.count);
  y[i] = f_accumulate(y[i], x[i], params.alpha, inside);
}
