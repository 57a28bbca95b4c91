// dtable[bucket, h] (+)= sum of sums[h, d] over the diagonals d that fall into the bucket. A lane owns one entry.
struct Params { buckets: u32, heads: u32, diagonals: u32, shift: u32, accumulate: u32 }
@group(0) @binding(0) var<storage, read> sums: array<f32>;           // [heads, diagonals]
@group(0) @binding(1) var<storage, read> bucket_of: array<i32>;      // [distances]; diagonal d has entry d + shift
@group(0) @binding(2) var<storage, read_write> dtable: array<f32>;   // [buckets, heads]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * 64u + lane;
  if (i >= params.buckets * params.heads) { return; }
  let bucket = i32(i / params.heads);
  let head = i % params.heads;
  var sum = 0.0;
  for (var d = 0u; d < params.diagonals; d++) {
    if (bucket_of[d + params.shift] == bucket) { sum += sums[head * params.diagonals + d]; }
  }
  if (params.accumulate != 0u) { sum += dtable[i]; }
  dtable[i] = sum;
}
