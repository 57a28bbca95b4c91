// Floats in the order in which torch's argmax and topk see them, as integers: the smaller the key, the larger the value. NaN counts as
// the largest (by its bits: drivers may assume that there is none), -0 as 0.
fn order_key(v: f32) -> u32 {
  let bits = bitcast<u32>(v);
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) { return 0u; }
  return select(0x7fffffffu - size, 0x7fffffffu + size, bits != size);
}
