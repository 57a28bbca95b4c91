// dx = f'(x) * dy, element by element, for the OPs of unary.wgsl but affine (0), whose backward is affine again.
const OP = 1u;
struct Params { quads: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

fn gelu_new_slope(v: vec4f) -> vec4f {              // d/dv 0.5 v (1 + t) with t = tanh(c (v + 0.044715 v^3))
  let c = 0.7978845608028654;
  let t = tanh(clamp(c * (v + 0.044715 * v * v * v), vec4f(-15.0), vec4f(15.0)));
  // v^2 is held to where 1 - t^2 is not yet 0, or 0 * inf would be NaN for huge v
  let square = min(v * v, vec4f(1.0e4));
  return 0.5 * (1.0 + t) + 0.5 * clamp(v, vec4f(-100.0), vec4f(100.0)) * (1.0 - t * t) * c * (1.0 + 3.0 * 0.044715 * square);
}
fn slope(v: vec4f) -> vec4f {
  switch OP {
    case 1u: { return select(vec4f(0.0), vec4f(1.0), v > vec4f(0.0)); }
    case 2u: { return gelu_new_slope(v); }
    case 3u: { return exp(v); }
    case 4u: { return 1.0 / v; }
    case 5u: { return 0.5 / sqrt(v); }
    case 6u: { let t = tanh(clamp(v, vec4f(-15.0), vec4f(15.0))); return 1.0 - t * t; }
    case 7u: { return 2.0 * v; }
    case 8u: { return -1.0 / (v * v); }
    default: { let s = 1.0 / (1.0 + exp(-v)); return s * (1.0 - s); }
  }
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.quads) { return; }
  dx[i] = slope(x[i]) * dy[i];
}
