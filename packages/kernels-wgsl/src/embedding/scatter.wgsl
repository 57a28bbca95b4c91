// dtable[ids[t], :] += dy[t, :]. A lane owns one column and walks the tokens in order: deterministic without atomics, and on
// software adapters also the fastest form measured. dtable must hold zeros or an earlier sum.
struct Params { tokens: u32, cols: u32, rows: u32 }
@group(0) @binding(0) var<storage, read> ids: array<i32>;            // [tokens]
@group(0) @binding(1) var<storage, read> dy: array<f32>;             // [tokens, cols]
@group(0) @binding(2) var<storage, read_write> dtable: array<f32>;   // [rows, cols]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let col = group.x * 32u + lane;
  if (col >= params.cols) { return; }
  for (var t = 0u; t < params.tokens; t++) {
    let id = ids[t];
    if (id >= 0i && u32(id) < params.rows) { dtable[u32(id) * params.cols + col] += dy[t * params.cols + col]; }
  }
}
