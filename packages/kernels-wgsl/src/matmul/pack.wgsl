// Copies a matmul operand, x[z, i, k] for i < size, k < depth with any strides, into panels
// y[z, ceil(size / W), depth, W] f32, W = params.width, zero for i >= size. A lane writes one quad (4 i at one k); its four reads are
// single so that any stride, odd size and half storage is served: STORAGE: 0 f32, 1 bf16 pairs, 2 f16 pairs in a u32.
const STORAGE = 0u;
alias Word = f32;                   // f32 | u32
struct Params {
  size: u32, depth: u32, width: u32, panels: u32, quads: u32, inner: u32,      // panels: of one matrix; quads: in all
  step_i: u32, step_k: u32, outer_stride: u32, inner_stride: u32,
}
@group(0) @binding(0) var<storage, read> x: array<Word>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn load(i: u32) -> f32 {
  if (STORAGE == 0u) { return bitcast<f32>(x[i]); }
  let pair = bitcast<u32>(x[i >> 1u]);
  if (STORAGE == 1u) { return bitcast<f32>(select(pair << 16u, pair & 0xffff0000u, (i & 1u) == 1u)); }
  let both = unpack2x16float(pair);
  return select(both.x, both.y, (i & 1u) == 1u);
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let q = (group.y * groups.x + group.x) * 64u + lane;
  if (q >= params.quads) { return; }
  let across = params.width / 4u;                      // quads of one k
  let row = q / across;                                // z, panel, k
  let k = row % params.depth;
  let panel = row / params.depth;
  let z = panel / params.panels;
  let i = (panel % params.panels) * params.width + 4u * (q % across);
  let step = params.step_i;
  let size = params.size;
  let at = (z / params.inner) * params.outer_stride + (z % params.inner) * params.inner_stride + k * params.step_k + i * step;
  let v = vec4f(load(at), load(at + step), load(at + 2u * step), load(at + 3u * step));
  y[q] = select(vec4f(0.0), v, vec4u(i, i + 1u, i + 2u, i + 3u) < vec4u(size));
}
