// Adafactor (Shazeer & Stern 2018, algorithm 4), first half: running means of g^2 + 1e-30 by rows and by columns of every matrix, by
// elements of every vector, and sums of p^2 by rows. One job a workgroup: a row of a piece, or 4 LANES columns of it.
//! use row_subgroup
//! use update
//! use adafactor
const LANES = 8u;
struct Params { jobs: u32 }
@group(0) @binding(0) var<storage, read> jobs: array<vec2u>;              // [jobs] of (piece, row), or (piece, first column | 2^31)
@group(0) @binding(1) var<storage, read> pieces: array<Piece>;
@group(0) @binding(2) var<storage, read> g: array<f32>;                   // the arena range
@group(0) @binding(3) var<storage, read> p: array<f32>;                   // the arena range
@group(0) @binding(4) var<storage, read> step: array<Update>;             // [1]: first = beta2, second = 1 - beta2
@group(0) @binding(5) var<storage, read_write> second: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<vec2f>;        // [rows of all] of (sum of p^2, sum of u^2)
@group(0) @binding(7) var<uniform> params: Params;

fn square(v: f32) -> f32 { return v * v + 1.0e-30; }

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let number = group.y * groups.x + group.x;
  if (number >= params.jobs || step[0].is_good == 0u) { return; }
  let job = jobs[number];
  let piece = pieces[job.x];
  let factor = step[0].factor;
  let keep = step[0].first;
  let rest = step[0].second;
  let cols = piece.cols;
  if ((job.y & 0x80000000u) != 0u) {
    let first_col = (job.y & 0x7fffffffu) + lane;
    for (var j = 0u; j < 4u; j++) {
      let col = first_col + j * LANES;
      if (col >= cols) { break; }
      var sum = 0.0;
      for (var row = 0u; row < piece.rows; row++) { sum += square(g[piece.offset + row * cols + col] * factor); }
      // the pieces of a parameter follow each other: each adds its rows
      let before = second[piece.column_at + col];
      let kept = select(before, keep * before, (piece.flags & IS_FIRST) != 0u);
      second[piece.column_at + col] = kept + rest * (sum / f32(piece.all_rows));
    }
    return;
  }
  let row = job.y;
  let base = piece.offset + row * cols;
  let is_matrix = (piece.flags & IS_MATRIX) != 0u;
  var sum = 0.0;
  var weights = 0.0;
  for (var col = lane; col < cols; col += LANES) {
    let squared = square(g[base + col] * factor);
    sum += squared;
    weights += p[base + col] * p[base + col];
    if (!is_matrix) {
      let at = piece.row_at + col;
      second[at] = keep * second[at] + rest * squared;
    }
  }
  sum = row_sum(sum);
  weights = row_sum(weights);
  if (lane != 0u) { return; }
  sums[piece.sum_at + row] = vec2f(weights, 0.0);
  if (is_matrix) {
    let at = piece.row_at + row;
    second[at] = keep * second[at] + rest * (sum / f32(cols));
  }
}
