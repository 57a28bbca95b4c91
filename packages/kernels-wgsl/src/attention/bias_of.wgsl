// T5's relative position bias by distance: bias_of[head, distance] = (bits of table[bucket, head], bucket), so that the attention kernels read
// one value in one load where the table wants two, one behind the other.
struct Params { count: u32, heads: u32, distances: u32 }
@group(0) @binding(0) var<storage, read> table: array<f32>;          // [buckets, heads]
@group(0) @binding(1) var<storage, read> bucket_of: array<i32>;      // [distances]
@group(0) @binding(2) var<storage, read_write> bias_of: array<vec2u>; // [heads, distances]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.count) { return; }
  let bucket = u32(bucket_of[i % params.distances]);
  bias_of[i] = vec2u(bitcast<u32>(table[bucket * params.heads + i / params.distances]), bucket);
}
