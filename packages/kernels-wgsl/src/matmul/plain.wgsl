// c[z, m, n] = act(alpha * sum over k of a[z, m, k] * b[z, k, n] + bias[n]) + residual[z, m, n] (+ c[z, m, n]) for any strides:
// one output a lane; flags say which terms there are (FLAG in sizes.ts). The path that always works; plan.ts prefers subgroup tiles where shapes and device allow. A_STORAGE, B_STORAGE: 0 f32, 1 bf16 pairs, 2 f16 pairs in a u32.
//! use matmul_epilogue
const A_STORAGE = 0u;
const B_STORAGE = 0u;
alias AWord = f32;                   // f32 | u32
alias BWord = f32;
struct Params {
  m: u32, n: u32, k: u32, batches: u32, inner: u32,  // batches = outer * inner; z = its outer index * inner + its inner index
  a_m: u32, a_k: u32, b_k: u32, b_n: u32, c_m: u32,
  a_outer: u32, a_inner: u32, b_outer: u32, b_inner: u32, c_outer: u32, c_inner: u32,
  alpha: f32, flags: u32,
}
@group(0) @binding(0) var<storage, read> a: array<AWord>;
@group(0) @binding(1) var<storage, read> b: array<BWord>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> residual: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

fn half_of(pair: u32, i: u32, storage: u32) -> f32 {
  if (storage == 1u) { return bitcast<f32>(select(pair << 16u, pair & 0xffff0000u, (i & 1u) == 1u)); }
  let both = unpack2x16float(pair);
  return select(both.x, both.y, (i & 1u) == 1u);
}
fn load_a(i: u32) -> f32 {
  if (A_STORAGE == 0u) { return bitcast<f32>(a[i]); }
  return half_of(bitcast<u32>(a[i >> 1u]), i, A_STORAGE);
}
fn load_b(i: u32) -> f32 {
  if (B_STORAGE == 0u) { return bitcast<f32>(b[i]); }
  return half_of(bitcast<u32>(b[i >> 1u]), i, B_STORAGE);
}
@compute @workgroup_size(8, 8)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_id) id: vec3u) {
  // tiles are counted over columns, rows and batches; the count is folded into the grid's x and y
  let tile = group.y * groups.x + group.x;
  let tiles_n = (params.n + 7u) / 8u;
  let tiles_m = (params.m + 7u) / 8u;
  let col = (tile % tiles_n) * 8u + id.x;
  let row = ((tile / tiles_n) % tiles_m) * 8u + id.y;
  let z = tile / (tiles_n * tiles_m);
  if (col >= params.n || row >= params.m || z >= params.batches) { return; }
  let outer = z / params.inner;
  let inner = z % params.inner;
  let a_base = outer * params.a_outer + inner * params.a_inner + row * params.a_m;
  let b_base = outer * params.b_outer + inner * params.b_inner + col * params.b_n;
  let c_at = outer * params.c_outer + inner * params.c_inner + row * params.c_m + col;
  let depth = params.k;
  let a_k = params.a_k;
  let b_k = params.b_k;
  var sum = 0.0;
  for (var k = 0u; k < depth; k++) { sum += load_a(a_base + k * a_k) * load_b(b_base + k * b_k); }
  sum *= params.alpha;
  let flags = params.flags;
  if ((flags & 2u) != 0u) { sum += bias[col]; }
  sum = activate(vec4f(sum), flags).x;
  if ((flags & 16u) != 0u) { sum += residual[c_at]; }
  if ((flags & 1u) != 0u) { sum += c[c_at]; }
  c[c_at] = sum;
}
