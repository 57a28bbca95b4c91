// Whether and how this update is done, from the partial sums of squares: the norm of the whole gradient, clipping, the loss scale by
// torch.amp.GradScaler's rule, and the row of numbers that belongs to the update. All on the device: the host never waits for it.
//   good update: scale doubles after `interval` of them in a row;  refused update: scale halves, and t and the learning rate stay
//   skips: 0 does every update, 1 refuses those whose gradient is not finite, 2 also all that follow one: weights stay as it found them
//! use row_subgroup
//! use finite
//! use update
const LANES = 8u;
struct Params { parts: u32, rows: u32, clip: f32, skips: u32, interval: u32 }
@group(0) @binding(0) var<storage, read> partial: array<vec2f>;           // [parts] of (sum of squares, whether one is not finite)
@group(0) @binding(1) var<storage, read> numbers: array<vec4f>;           // [rows], row t % rows for update t (from 0)
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;         // [1] of the loss; 1 and never changed if interval is 0
@group(0) @binding(3) var<storage, read_write> step: array<Update>;       // [1]
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  let parts = params.parts;          // a uniform load in the loop would cost as much as a storage load
  var sum = 0.0;
  var broken = 0.0;
  for (var i = lane; i < parts; i += LANES) {
    let part = partial[i];
    sum += part.x;
    broken = max(broken, part.y);
  }
  let total = row_sum(sum);
  let is_broken = row_max(broken) > 0.0 || !is_finite(total);
  if (lane != 0u) { return; }
  let unscale = 1.0 / scale[0];
  let norm = sqrt(total) * unscale;
  var shrink = 1.0;
  if (params.clip > 0.0) { shrink = min(1.0, params.clip / (norm + 1.0e-6)); }
  let row = numbers[step[0].good % params.rows];
  let is_halted = params.skips == 2u && step[0].skipped != 0u;
  let is_good = !((is_broken && params.skips != 0u) || is_halted);
  step[0].is_good = select(0u, 1u, is_good);
  step[0].norm = norm;
  step[0].factor = shrink * unscale;
  step[0].rate = row.x;
  step[0].first = row.y;
  step[0].second = row.z;
  if (is_good) { step[0].good += 1u; } else { step[0].skipped += 1u; }
  if (params.interval == 0u) { return; }
  if (!is_good) {
    scale[0] *= 0.5;
    step[0].grown = 0u;
  } else if (step[0].grown + 1u == params.interval) {
    let twice = 2.0 * scale[0];
    if (is_finite(twice)) { scale[0] = twice; }
    step[0].grown = 0u;
  } else { step[0].grown += 1u; }
}
