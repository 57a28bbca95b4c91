// y = f(x), element by element; OP names f (see UNARY_OPS in plan.ts). Four elements a lane: on every device a vec4 load
// costs about as much as a scalar one. Storages are padded to 16 bytes, so the last vec4 needs no tail.
//! use pointwise
const OP = 0u;
struct Params { quads: u32, alpha: f32, beta: f32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn apply(v: vec4f) -> vec4f {
  switch OP {
    case 0u: { return f_affine(v, params.alpha, params.beta); }
    case 1u: { return f_relu(v); }
    case 2u: { return f_gelu_new(v); }
    case 3u: { return f_exp(v); }
    case 4u: { return f_log(v); }
    case 5u: { return f_sqrt(v); }
    case 6u: { return f_tanh(v); }
    case 7u: { return f_square(v); }
    case 8u: { return f_reciprocal(v); }
    default: { return f_sigmoid(v); }
  }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.quads) { return; }
  y[i] = apply(x[i]);
}
