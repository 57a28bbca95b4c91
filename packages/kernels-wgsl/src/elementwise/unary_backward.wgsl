// dx = f'(x) * dy for the OPs of unary.wgsl but affine (0), whose backward is affine again.
//! use pointwise
const OP = 1u;
struct Params { quads: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

fn apply(v: vec4f, d: vec4f) -> vec4f {
  switch OP {
    case 1u: { return d_relu(v, d); }
    case 2u: { return d_gelu_new(v, d); }
    case 3u: { return d_exp(v, d); }
    case 4u: { return d_log(v, d); }
    case 5u: { return d_sqrt(v, d); }
    case 6u: { return d_tanh(v, d); }
    case 7u: { return d_square(v, d); }
    case 8u: { return d_reciprocal(v, d); }
    default: { return d_sigmoid(v, d); }
  }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.quads) { return; }
  dx[i] = apply(x[i], dy[i]);
}
