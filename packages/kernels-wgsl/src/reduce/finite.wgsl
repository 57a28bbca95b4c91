// y[block] says whether all of one block of x is finite, by bits: drivers may assume that floats are. As 0 and NaN between rounds, which the
// next round takes in again; as 1 and 0 in the last one.
//! use row_subgroup
const LANES = 8u;
struct Params { count: u32, block: u32, is_last: u32 }
@group(0) @binding(0) var<storage, read> x: array<u32>;          // [count], the bits of floats
@group(0) @binding(1) var<storage, read_write> y: array<u32>;    // [blocks]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let block = group.y * groups.x + group.x;
  let begin = block * params.block;
  if (begin >= params.count) { return; }
  let end = min(params.count, begin + params.block);
  var broken = 0.0;
  for (var i = begin + lane; i < end; i += LANES) {
    broken = select(broken, 1.0, (x[i] & 0x7f800000u) == 0x7f800000u);
  }
  let is_broken = row_max(broken) > 0.0;
  if (lane != 0u) { return; }
  if (params.is_last != 0u) { y[block] = select(0x3f800000u, 0u, is_broken); }
  else { y[block] = select(0u, 0x7fc00000u, is_broken); }
}
