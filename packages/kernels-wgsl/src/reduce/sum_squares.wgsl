// partial[block] = (sum of x^2, 1 if some x is not finite else 0) over one block of BLOCK elements: the first half of a global norm, and
// the search for overflow. Blocks are reduced in a fixed order, so the norm repeats bit for bit. x is padded with zeros up to a vec4.
//! use row_subgroup
//! use finite
const LANES = 8u;
struct Params { quads: u32, block: u32, first: u32 }
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> partial: array<vec2f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let block = group.y * groups.x + group.x;
  let begin = block * params.block;
  if (begin >= params.quads) { return; }
  let end = min(params.quads, begin + params.block);
  var sum = vec4f(0.0);
  var broken = 0.0;
  for (var i = begin + lane; i < end; i += LANES) {
    let v = x[i];
    sum += v * v;
    broken = select(broken, 1.0, any_broken(v));
  }
  let total = row_sum(sum.x + sum.y + sum.z + sum.w);
  let is_broken = row_max(broken);
  if (lane == 0u) { partial[params.first + block] = vec2f(total, is_broken); }
}
