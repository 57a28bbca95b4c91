// dtable[bucket, h] (+)= sum over batch and tiles of partial[batch, h, tile, bucket]: the second half of the gradient of T5's bias
// table, in a fixed order. A lane owns one entry.
struct Params { batch: u32, heads: u32, tiles: u32, buckets: u32, accumulate: u32 }
@group(0) @binding(0) var<storage, read> partial: array<f32>;        // [batch, heads, tiles, buckets]
@group(0) @binding(1) var<storage, read_write> dtable: array<f32>;   // [buckets, heads]
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.buckets * params.heads) { return; }
  let bucket = i / params.heads;
  let head = i % params.heads;
  var sum = 0.0;
  for (var b = 0u; b < params.batch; b++) {
    for (var t = 0u; t < params.tiles; t++) {
      sum += partial[((b * params.heads + head) * params.tiles + t) * params.buckets + bucket];
    }
  }
  if (params.accumulate != 0u) { sum += dtable[i]; }
  dtable[i] = sum;
}
