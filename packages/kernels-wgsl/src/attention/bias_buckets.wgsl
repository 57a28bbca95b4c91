// dtable[bucket, h] (+)= sum over batch of sums[b, h, d] over the diagonals d that fall into the bucket. A lane owns one entry.
struct Params { batch: u32, heads: u32, diagonals: u32, buckets: u32, shift: u32, accumulate: u32 }
@group(0) @binding(0) var<storage, read> sums: array<f32>;           // [batch, heads, diagonals]
@group(0) @binding(1) var<storage, read> bucket_of: array<i32>;      // [distances]; diagonal d has entry d + shift
@group(0) @binding(2) var<storage, read_write> dtable: array<f32>;   // [buckets, heads]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  let heads = params.heads;
  if (i >= params.buckets * heads) { return; }
  let batch = params.batch;
  let diagonals = params.diagonals;
  let shift = params.shift;
  let bucket = i32(i / heads);
  let head = i % heads;
  var sum = 0.0;
  for (var d = 0u; d < diagonals; d++) {
    if (bucket_of[d + shift] != bucket) { continue; }
    for (var b = 0u; b < batch; b++) { sum += sums[(b * heads + head) * diagonals + d]; }
  }
  if (params.accumulate != 0u) { sum += dtable[i]; }
  dtable[i] = sum;
}
