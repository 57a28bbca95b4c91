// AdamW (Loshchilov & Hutter 2019), as torch computes it, over one range of the parameter arena at once:
//   g' = g * min(1, clip / (norm + 1e-6));  p -= lr * decay * p;  m, v: moving means of g', g'^2
//   p -= lr * (m / c1) / (sqrt(v / c2) + eps)
// lr, c1 = 1 - beta1^t and c2 = 1 - beta2^t are live (ProgramState); the norm comes from the device, so nothing is read back.
//! use program_state
// rest1 = 1 - beta1, rest2 = 1 - beta2 come from the host in f64: 1 - 0.999 in f32 is off by 1e-5 of itself.
struct Params { quads: u32, decay: f32, beta1: f32, beta2: f32, rest1: f32, rest2: f32, eps: f32, clip: f32 }
@group(0) @binding(0) var<storage, read> g: array<vec4f>;
@group(0) @binding(1) var<storage, read> norm: array<f32>;           // [1] norm of the whole gradient
@group(0) @binding(2) var<storage, read> state: ProgramState;
@group(0) @binding(3) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.quads) { return; }
  var shrink = 1.0;
  if (params.clip > 0.0) { shrink = min(1.0, params.clip / (norm[0] + 1.0e-6)); }
  let grad = g[i] * shrink;
  let first = params.beta1 * m[i] + params.rest1 * grad;
  let second = params.beta2 * v[i] + params.rest2 * grad * grad;
  m[i] = first;
  v[i] = second;
  let step = (first / state.correction1) / (sqrt(second) / sqrt(state.correction2) + params.eps);
  p[i] = p[i] * (1.0 - state.lr * params.decay) - state.lr * step;
}
