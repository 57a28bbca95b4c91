// values[row, :], ids[row, :] = the k largest of x[row, :] and their columns, largest first, the lowest column first on a tie; NaN is the
// largest. One row a workgroup; each round finds the next one after the last in that order, so nothing is kept but the last.
//! use row_subgroup
//! use order
const LANES = 8u;
struct Params { rows: u32, cols: u32, k: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;                  // [rows, cols]
@group(0) @binding(1) var<storage, read_write> values: array<f32>;       // [rows, k]
@group(0) @binding(2) var<storage, read_write> ids: array<i32>;          // [rows, k]
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * groups.x + group.x;
  if (row >= params.rows) { return; }
  let cols = params.cols;            // uniform loads in the loops would cost as much as storage loads
  let k = params.k;
  let base = row * cols;
  var last = 0u;
  var last_col = 0u;
  for (var round = 0u; round < k; round++) {
    var best = 0xffffffffu;
    var where_best = 0xffffffffu;
    for (var col = lane; col < cols; col += LANES) {
      let key = order_key(x[base + col]);
      let is_after = round == 0u || key > last || (key == last && col > last_col);
      if (is_after && key < best) { best = key; where_best = col; }
    }
    last = row_min_u32(best);
    last_col = row_min_u32(select(0xffffffffu, where_best, best == last));
    if (lane == 0u) {
      values[row * k + round] = x[base + last_col];
      ids[row * k + round] = i32(last_col);
    }
  }
}
