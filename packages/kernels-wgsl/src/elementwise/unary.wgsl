// y = f(x), element by element; OP names f (see UNARY_OPS in plan.ts). Four elements a lane: on every device a vec4 load
// costs about as much as a scalar one. Storages are padded to 16 bytes, so the last vec4 needs no tail.
const OP = 0u;
struct Params { quads: u32, alpha: f32, beta: f32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn gelu_new(v: vec4f) -> vec4f {                    // tanh form; the argument is clamped since tanh(15) is 1 in f32 already
  let inner = 0.7978845608028654 * (v + 0.044715 * v * v * v);
  return 0.5 * v * (1.0 + tanh(clamp(inner, vec4f(-15.0), vec4f(15.0))));
}
fn apply(v: vec4f) -> vec4f {
  switch OP {
    case 0u: { return params.alpha * v + params.beta; }
    case 1u: { return max(v, vec4f(0.0)); }
    case 2u: { return gelu_new(v); }
    case 3u: { return exp(v); }
    case 4u: { return log(v); }
    case 5u: { return sqrt(v); }
    case 6u: { return tanh(clamp(v, vec4f(-15.0), vec4f(15.0))); }
    case 7u: { return v * v; }
    case 8u: { return 1.0 / v; }
    default: { return 1.0 / (1.0 + exp(-v)); }
  }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.quads) { return; }
  y[i] = apply(x[i]);
}
