// Adafactor: p -= decay * rate * p, then p -= u (or its running mean, where there is a first moment). One row a workgroup.
//! use update
//! use adafactor
const HAS_MOMENT = false;
const LANES = 8u;
struct Params { jobs: u32, decay: f32, beta1: f32, rest1: f32 }
@group(0) @binding(0) var<storage, read> jobs: array<vec2u>;              // [jobs] of (piece, row)
@group(0) @binding(1) var<storage, read> pieces: array<Piece>;
@group(0) @binding(2) var<storage, read> g: array<f32>;                   // the arena range
@group(0) @binding(3) var<storage, read> step: array<Update>;             // [1]
@group(0) @binding(4) var<storage, read> second: array<f32>;
@group(0) @binding(5) var<storage, read> totals: array<vec2f>;            // [tensors] of (factor of u, rate)
@group(0) @binding(6) var<storage, read_write> p: array<f32>;             // the arena range
@group(0) @binding(7) var<storage, read_write> m: array<f32>;             // as p, if HAS_MOMENT
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let number = group.y * groups.x + group.x;
  if (number >= params.jobs || step[0].is_good == 0u) { return; }
  let piece = pieces[jobs[number].x];
  let row = jobs[number].y;
  let base = piece.offset + row * piece.cols;
  let factor = step[0].factor;
  let total = totals[piece.tensor];
  let is_matrix = (piece.flags & IS_MATRIX) != 0u;
  let shrink = select(0.0, params.decay * total.y, (piece.flags & DECAYS) != 0u);
  for (var col = lane; col < piece.cols; col += LANES) {
    var u = g[base + col] * factor;
    if (is_matrix) { u = scaled(u, second[piece.row_at + row], second[piece.column_at + col]); }
    else { u *= inverseSqrt(second[piece.row_at + col]); }
    u *= total.x;
    if (HAS_MOMENT) {
      u = params.beta1 * m[base + col] + params.rest1 * u;
      m[base + col] = u;
    }
    let old = p[base + col];
    p[base + col] = old - shrink * old - u;
  }
}
