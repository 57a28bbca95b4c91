// y[t, :] = table[ids[t], :]. The table may be bound in pieces (split/axes.ts), this one from row `first` on: the first piece gives
// zeros to all others' rows, which they fill in. An id outside the table gives a row of zeros rather
// than a wrong row (the host refuses such ids before they get here). STORAGE: 0 f32, 1 bf16 pairs, 2 f16 pairs in a u32 (low half first).
const STORAGE = 0u;
alias Word = f32;                    // f32 | u32
struct Params { tokens: u32, cols: u32, rows: u32, first: u32 }
@group(0) @binding(0) var<storage, read> ids: array<i32>;        // [tokens]
@group(0) @binding(1) var<storage, read> table: array<Word>;     // [rows, cols]
@group(0) @binding(2) var<storage, read_write> y: array<f32>;    // [tokens, cols]
@group(0) @binding(3) var<uniform> params: Params;

fn load(i: u32) -> f32 {
  if (STORAGE == 0u) { return bitcast<f32>(table[i]); }
  let pair = bitcast<u32>(table[i >> 1u]);
  if (STORAGE == 1u) { return bitcast<f32>(select(pair << 16u, pair & 0xffff0000u, (i & 1u) == 1u)); }
  let both = unpack2x16float(pair);
  return select(both.x, both.y, (i & 1u) == 1u);
}
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = (group.y * groups.x + group.x) * 64u + lane;
  if (i >= params.tokens * params.cols) { return; }
  let row = u32(ids[i / params.cols]) - params.first;    // a negative id, or one before this piece, wraps to a number beyond all rows
  if (row >= params.rows) {
    if (params.first == 0u) { y[i] = 0.0; }
    return;
  }
  y[i] = load(row * params.cols + i % params.cols);
}
