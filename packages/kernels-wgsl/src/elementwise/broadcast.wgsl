// y = a OP b where a and b broadcast to y's shape [d0, d1, d2, d3]; a stride of 0 repeats. OPs as in binary.wgsl.
// A piece of y (split/axes.ts) holds the elements from `first` on, and so may an operand that lies as y does.
// One element a lane: this is the general path, binary.wgsl the fast one. The formulas want four: three lie idle.
//! use pointwise
const OP = 0u;
struct Params {
  count: u32, alpha: f32, d1: u32, d2: u32, d3: u32,
  a0: u32, a1: u32, a2: u32, a3: u32, b0: u32, b1: u32, b2: u32, b3: u32,
  first: u32, a_first: u32, b_first: u32,
}
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.count) { return; }
  let e = params.first + i;
  let i3 = e % params.d3;
  let i2 = (e / params.d3) % params.d2;
  let i1 = (e / (params.d3 * params.d2)) % params.d1;
  let i0 = e / (params.d3 * params.d2 * params.d1);
  let u = vec4f(a[i0 * params.a0 + i1 * params.a1 + i2 * params.a2 + i3 * params.a3 - params.a_first]);
  let v = vec4f(b[i0 * params.b0 + i1 * params.b1 + i2 * params.b2 + i3 * params.b3 - params.b_first]);
  switch OP {
    case 0u: { y[i] = f_add(u, v, params.alpha).x; }
    case 1u: { y[i] = f_mul(u, v).x; }
    case 2u: { y[i] = f_div(u, v).x; }
    default: { y[i] = f_max(u, v).x; }
  }
}
