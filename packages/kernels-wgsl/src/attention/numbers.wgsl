// One number for each query and each key, equal where the query may see the key: [batch, query], then [batch, key]. That is the segment
// of a packed sequence, else 1; a key that the padding mask hides has a number of its own. One buffer for all conditions keeps the
// attention kernels within the bindings that every device has.
const HIDDEN = -2147483647i;
struct Params { queries: u32, keys: u32, has_mask: u32, has_segments: u32, first_query: u32, first_key: u32 }
@group(0) @binding(0) var<storage, read> mask: array<i32>;           // [batch, key], or anything if has_mask == 0
@group(0) @binding(1) var<storage, read> query_segments: array<i32>; // [batch, query], or anything if has_segments == 0
@group(0) @binding(2) var<storage, read> key_segments: array<i32>;   // [batch, key], likewise
@group(0) @binding(3) var<storage, read_write> numbers: array<i32>;
@group(0) @binding(4) var<uniform> params: Params;                   // queries and keys of all rows of the batch together; first_*: of a larger batch's

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.queries + params.keys) { return; }
  let has_segments = params.has_segments != 0u;
  var number = 1i;
  if (i < params.queries) {
    if (has_segments) { number = query_segments[params.first_query + i]; }
  } else {
    let key = i - params.queries;
    if (has_segments) { number = key_segments[params.first_key + key]; }
    if (params.has_mask != 0u && mask[params.first_key + key] == 0i) { number = HIDDEN; }
  }
  numbers[i] = number;
}
