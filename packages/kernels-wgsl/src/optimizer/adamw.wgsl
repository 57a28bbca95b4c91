// AdamW (Loshchilov & Hutter 2019), as torch computes it, over an arena of parameters at once:
//   g' = g * factor;  p -= lr * decay * p;  m, v: moving means of g', g'^2;  p -= lr * (m / c1) / (sqrt(v / c2) + eps)
// factor (clipping, loss scale), lr, c1 = 1 - beta1^t and c2 = 1 - beta2^t come from decide.wgsl. An update that it refused
// changes nothing, bit for bit.
//! use update
// rest1 = 1 - beta1, rest2 = 1 - beta2 come from the host in f64: 1 - 0.999 in f32 is off by 1e-5 of itself.
// The first `decayed` quads decay, the others (norms, biases) do not.
struct Params { quads: u32, decayed: u32, decay: f32, beta1: f32, beta2: f32, rest1: f32, rest2: f32, eps: f32 }
@group(0) @binding(0) var<storage, read> g: array<vec4f>;
@group(0) @binding(1) var<storage, read> step: array<Update>;             // [1]
@group(0) @binding(2) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.quads || step[0].is_good == 0u) { return; }
  let grad = g[i] * step[0].factor;
  let first = params.beta1 * m[i] + params.rest1 * grad;
  let second = params.beta2 * v[i] + params.rest2 * grad * grad;
  m[i] = first;
  v[i] = second;
  let lr = step[0].rate;
  let change = (first / step[0].first) / (sqrt(second) / sqrt(step[0].second) + params.eps);
  let decay = select(0.0, params.decay, i < params.decayed);
  p[i] = p[i] * (1.0 - lr * decay) - lr * change;
}
