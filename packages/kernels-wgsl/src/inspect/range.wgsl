// What numbers a storage holds, for debugging: smallest and largest finite one, how many are NaN or Inf, and the first of these.
// Told by their bits: implementations may assume that NaN and Inf do not occur, and fold a comparison that looks for them away.
// One workgroup walks all of it, so that the order is fixed and a slot takes one dispatch; speed is no aim here.
const LANES = 64u;
struct Params {
  count: u32,   // elements
  format: u32,  // 0 f32, 1 bf16 and 2 f16, two in a word
  slot: u32,
}
@group(0) @binding(0) var<storage, read> x: array<u32>;              // [count], or [count / 2] of two halves each
@group(0) @binding(1) var<storage, read_write> ranges: array<u32>;   // [slots, 8] = lowest, highest (bits of f32), bad, first bad, its bits as f32, 0, 0, 0
@group(0) @binding(2) var<uniform> params: Params;

const NONE = 0xffffffffu;
var<workgroup> lows: array<f32, LANES>;
var<workgroup> highs: array<f32, LANES>;
var<workgroup> bads: array<u32, LANES>;
var<workgroup> firsts: array<u32, LANES>;

// the bits of element i as f32; an f16 that is no number becomes an f32 that is none
fn bits_of(i: u32, format: u32) -> u32 {
  if (format == 0u) { return x[i]; }
  let half = (x[i / 2u] >> (16u * (i & 1u))) & 0xffffu;
  if (format == 1u) { return half << 16u; }
  let sign = (half & 0x8000u) << 16u;
  if ((half & 0x7c00u) == 0x7c00u) { return sign | 0x7f800000u | ((half & 0x3ffu) << 13u); }
  return bitcast<u32>(unpack2x16float(half).x);
}

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  let count = params.count;
  let format = params.format;
  var low = 3.4e38;
  var high = -3.4e38;
  var bad = 0u;
  var first = NONE;
  for (var i = lane; i < count; i += LANES) {
    let bits = bits_of(i, format);
    if ((bits & 0x7f800000u) == 0x7f800000u) {
      bad += 1u;
      first = min(first, i);
    } else {
      low = min(low, bitcast<f32>(bits));
      high = max(high, bitcast<f32>(bits));
    }
  }
  lows[lane] = low;
  highs[lane] = high;
  bads[lane] = bad;
  firsts[lane] = first;
  workgroupBarrier();
  if (lane != 0u) { return; }
  for (var other = 1u; other < LANES; other += 1u) {
    low = min(low, lows[other]);
    high = max(high, highs[other]);
    bad += bads[other];
    first = min(first, firsts[other]);
  }
  let base = params.slot * 8u;
  ranges[base] = bitcast<u32>(low);
  ranges[base + 1u] = bitcast<u32>(high);
  ranges[base + 2u] = bad;
  ranges[base + 3u] = first;
  if (first != NONE) { ranges[base + 4u] = bits_of(first, format); }
}
