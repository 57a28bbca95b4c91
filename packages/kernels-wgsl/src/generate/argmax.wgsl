// next[row] = column of the largest x[row, :], the first one on a tie; NaN is the largest (both as torch.argmax), so a row of NaN gives 0.
// A finished row gives pad instead. The token is also written to tokens[row, past + 1], and finished[row] is set when it is an eos: decoding
// goes on without a read-back, and the host looks at the sequences every few steps. One row a workgroup.
//! use row_subgroup
//! use program_state
//! use order
const LANES = 8u;
struct Params { rows: u32, cols: u32, capacity: u32, ends: u32, pad: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;                  // logits [rows, cols]
@group(0) @binding(1) var<storage, read> state: ProgramState;
@group(0) @binding(2) var<storage, read> eos: array<i32>;                // [ends]: any of these ends a sequence
@group(0) @binding(3) var<storage, read_write> next: array<i32>;         // [rows]
@group(0) @binding(4) var<storage, read_write> tokens: array<i32>;       // [rows, capacity + 1]
@group(0) @binding(5) var<storage, read_write> finished: array<i32>;     // [rows]
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;            // a uniform load in the loop would cost as much as a storage load
  let base = row * cols;
  var best = 0xffffffffu;
  var where_best = 0xffffffffu;
  for (var col = lane; col < cols; col += LANES) {
    let key = order_key(x[base + col]);
    if (key < best) { best = key; where_best = col; }
  }
  let first = row_min_u32(best);
  let token = row_min_u32(select(0xffffffffu, where_best, best == first));
  if (lane == 0u) {
    let chosen = select(token, params.pad, finished[row] != 0i);
    next[row] = i32(chosen);
    tokens[row * (params.capacity + 1u) + state.past + 1u] = i32(chosen);
    for (var e = 0u; e < params.ends; e++) {
      if (i32(chosen) == eos[e]) { finished[row] = 1i; }
    }
  }
}
