// c[z, m, n] = act(alpha * sum over k of a[z, m, k] * b[z, k, n] + bias[n]) + residual[z, m, n] (+ c[z, m, n]) for any strides:
// one output a lane; flags say which terms there are (FLAG in sizes.ts). The path that always works; plan.ts prefers subgroup tiles where shapes and device allow. B_STORAGE: 0 f32, 1 bf16 pairs, 2 f16 pairs in a u32.
//! use matmul_epilogue
const B_STORAGE = 0u;
alias BWord = f32;                   // f32 | u32
struct Params {
  m: u32, n: u32, k: u32, inner: u32,              // inner: count of the inner batch axis; z = outer * inner + its index
  a_m: u32, a_k: u32, b_k: u32, b_n: u32, c_m: u32,
  a_outer: u32, a_inner: u32, b_outer: u32, b_inner: u32, c_outer: u32, c_inner: u32,
  alpha: f32, flags: u32,
}
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<BWord>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

fn load_b(i: u32) -> f32 {
  if (B_STORAGE == 0u) { return bitcast<f32>(b[i]); }
  let pair = bitcast<u32>(b[i >> 1u]);
  if (B_STORAGE == 1u) { return bitcast<f32>(select(pair << 16u, pair & 0xffff0000u, (i & 1u) == 1u)); }
  let both = unpack2x16float(pair);
  return select(both.x, both.y, (i & 1u) == 1u);
}
@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.n || id.y >= params.m) { return; }
  let outer = id.z / params.inner;
  let inner = id.z % params.inner;
  let a_base = outer * params.a_outer + inner * params.a_inner + id.y * params.a_m;
  let b_base = outer * params.b_outer + inner * params.b_inner + id.x * params.b_n;
  let c_at = outer * params.c_outer + inner * params.c_inner + id.y * params.c_m + id.x;
  var sum = 0.0;
  for (var k = 0u; k < params.k; k++) { sum += a[a_base + k * params.a_k] * load_b(b_base + k * params.b_k); }
  sum *= params.alpha;
  let flags = params.flags;
  if ((flags & 2u) != 0u) { sum += bias[id.x]; }
  sum = activate(vec4f(sum), flags).x;
  if ((flags & 16u) != 0u) { sum += residual[c_at]; }
  if ((flags & 1u) != 0u) { sum += c[c_at]; }
  c[c_at] = sum;
}
