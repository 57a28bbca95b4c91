// dtable[ids[t], :] += dy[t, :]. A lane owns one column of Elems and walks the tokens in order: deterministic without atomics, and on
// software adapters also the fastest form measured. dtable must hold zeros or an earlier sum; it may be a piece of the table
// (split/axes.ts) from row `first` on.
alias Elem = vec4f;                  // vec4f | f32, where columns do not come in fours; cols counts Elems
struct Params { tokens: u32, cols: u32, rows: u32, first: u32 }
@group(0) @binding(0) var<storage, read> ids: array<i32>;            // [tokens]
@group(0) @binding(1) var<storage, read> dy: array<Elem>;            // [tokens, cols]
@group(0) @binding(2) var<storage, read_write> dtable: array<Elem>;  // [rows, cols]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(32)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let col = (group.y * groups.x + group.x) * 32u + lane;
  let tokens = params.tokens;        // uniform loads in the loop would cost as much as storage loads
  let cols = params.cols;
  let rows = params.rows;
  let first = params.first;
  if (col >= cols) { return; }
  for (var t = 0u; t < tokens; t++) {
    let row = u32(ids[t]) - first;   // an id that is not in this piece wraps to a number beyond its rows
    if (row < rows) { dtable[row * cols + col] += dy[t * cols + col]; }
  }
}
