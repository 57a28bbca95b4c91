// c[z, m, n] = act(alpha * sum over k of a[z, m, k] * b[z, k, n] + bias[n]) + residual[z, m, n] (+ c[z, m, n]) for any strides and sizes:
// the matmul of GPUs without matrix units (after NVIDIA's CUTLASS: "efficient GEMM in CUDA"). A workgroup of 8 x 8 lanes has a tile of
// 64 x 64: it copies 64 x 16 of a and of b to workgroup memory, zero beyond their edges, and each lane multiplies 8 x 8 of them in
// registers, so that a value read from memory feeds 64 products and one read from workgroup memory 8. A lane's rows lie 8 apart, and its
// columns too: neighbouring lanes then read neighbouring words. A_STORAGE, B_STORAGE: 0 f32, 1 bf16 pairs, 2 f16 pairs in a u32.
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
const TILE = 64u;
const DEPTH = 16u;
var<workgroup> tile_a: array<f32, 1024>;              // [k, row of the tile]
var<workgroup> tile_b: array<f32, 1024>;              // [k, column of the tile]

@compute @workgroup_size(8, 8)
fn main(
  @builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_id) id: vec3u, @builtin(local_invocation_index) lane: u32,
) {
  let m = params.m;
  let n = params.n;
  let depth = params.k;
  let tile = group.y * groups.x + group.x;
  let tiles_n = (n + TILE - 1u) / TILE;
  let tiles_m = (m + TILE - 1u) / TILE;
  let c0 = (tile % tiles_n) * TILE;
  let r = ((tile / tiles_n) % tiles_m) * TILE;
  let z = tile / (tiles_n * tiles_m);
  let outer = z / params.inner;
  let inner = z % params.inner;
  let a_base = outer * params.a_outer + inner * params.a_inner;
  let b_base = outer * params.b_outer + inner * params.b_inner;
  let c_base = outer * params.c_outer + inner * params.c_inner;
  let a_m = params.a_m;
  let a_k = params.a_k;
  let b_k = params.b_k;
  let b_n = params.b_n;
  // lanes walk along the contiguous axis of each operand while they copy
  let a_by_k = a_k == 1u;
  let b_by_k = b_k == 1u;
  var sums: array<f32, 64>;                            // [row, column] of the lane
  for (var first = 0u; first < depth; first += DEPTH) {
    for (var i = lane; i < TILE * DEPTH; i += 64u) {
      let ka = select(i / TILE, i % DEPTH, a_by_k);
      let ia = select(i % TILE, i / DEPTH, a_by_k);
      let kb = select(i / TILE, i % DEPTH, b_by_k);
      let ib = select(i % TILE, i / DEPTH, b_by_k);
      let va = load_a(a_base + (r + ia) * a_m + (first + ka) * a_k);
      let vb = load_b(b_base + (c0 + ib) * b_n + (first + kb) * b_k);
      tile_a[ka * TILE + ia] = select(0.0, va, r + ia < m && first + ka < depth);
      tile_b[kb * TILE + ib] = select(0.0, vb, c0 + ib < n && first + kb < depth);
    }
    workgroupBarrier();
    for (var k = 0u; k < DEPTH; k++) {
      var x: array<f32, 8>;
      var y: array<f32, 8>;
      for (var i = 0u; i < 8u; i++) {
        x[i] = tile_a[k * TILE + id.y + 8u * i];
        y[i] = tile_b[k * TILE + id.x + 8u * i];
      }
      for (var i = 0u; i < 8u; i++) {
        for (var j = 0u; j < 8u; j++) { sums[i * 8u + j] += x[i] * y[j]; }
      }
    }
    workgroupBarrier();
  }
  let alpha = params.alpha;
  let flags = params.flags;
  let is_tile = z < params.batches;
  for (var i = 0u; i < 8u; i++) {
    for (var j = 0u; j < 8u; j++) {
      let row = r + id.y + 8u * i;
      let col = c0 + id.x + 8u * j;
      if (is_tile && row < m && col < n) {
        let at = c_base + row * params.c_m + col;
        var sum = alpha * sums[i * 8u + j];
        if ((flags & 2u) != 0u) { sum += bias[col]; }
        sum = activate(vec4f(sum), flags).x;
        if ((flags & 16u) != 0u) { sum += residual[at]; }
        if ((flags & 1u) != 0u) { sum += c[at]; }
        c[at] = sum;
      }
    }
  }
}
