// y = a OP b for equal shapes: 0 a + alpha * b, 1 a * b, 2 a / b, 3 max(a, b). Four elements a lane.
//! use pointwise
const OP = 0u;
struct Params { quads: u32, alpha: f32 }
@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.quads) { return; }
  switch OP {
    case 0u: { y[i] = f_add(a[i], b[i], params.alpha); }
    case 1u: { y[i] = f_mul(a[i], b[i]); }
    case 2u: { y[i] = f_div(a[i], b[i]); }
    default: { y[i] = f_max(a[i], b[i]); }
  }
}
