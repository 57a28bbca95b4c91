// Adafactor: sums of u^2 by rows, u = g / sqrt(row * column) for a matrix (but for the mean over rows, see totals) and
// g / sqrt(second) for a vector. One row a workgroup.
//! use row_subgroup
//! use update
//! use adafactor
const LANES = 8u;
struct Params { jobs: u32 }
@group(0) @binding(0) var<storage, read> jobs: array<vec2u>;              // [jobs] of (piece, row)
@group(0) @binding(1) var<storage, read> pieces: array<Piece>;
@group(0) @binding(2) var<storage, read> g: array<f32>;                   // the arena range
@group(0) @binding(3) var<storage, read> step: array<Update>;             // [1]
@group(0) @binding(4) var<storage, read> second: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<vec2f>;        // [rows of all] of (sum of p^2, sum of u^2)
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let number = group.y * groups.x + group.x;
  if (number >= params.jobs || step[0].is_good == 0u) { return; }
  let piece = pieces[jobs[number].x];
  let row = jobs[number].y;
  let base = piece.offset + row * piece.cols;
  let factor = step[0].factor;
  let is_matrix = (piece.flags & IS_MATRIX) != 0u;
  var sum = 0.0;
  for (var col = lane; col < piece.cols; col += LANES) {
    var u = g[base + col] * factor;
    if (is_matrix) { u = scaled(u, second[piece.row_at + row], second[piece.column_at + col]); }
    else { u *= inverseSqrt(second[piece.row_at + col]); }
    sum += u * u;
  }
  sum = row_sum(sum);
  if (lane == 0u) { sums[piece.sum_at + row].y = sum; }
}
