// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): counter in, 128 random bits out.
fn mul_hi(a: u32, b: u32) -> u32 {                 // WGSL has no 64-bit product: four 16-bit ones
  let al = a & 0xffffu; let ah = a >> 16u;
  let bl = b & 0xffffu; let bh = b >> 16u;
  let low = al * bl;
  let mid1 = ah * bl + (low >> 16u);               // at most 0xffff * 0xffff + 0xffff: no overflow
  let mid2 = al * bh + (mid1 & 0xffffu);
  return ah * bh + (mid1 >> 16u) + (mid2 >> 16u);
}
fn philox(start: vec4u, start_key: vec2u) -> vec4u {
  var c = start;
  var key = start_key;
  for (var round = 0u; round < 10u; round++) {
    let hi0 = mul_hi(0xD2511F53u, c.x); let lo0 = 0xD2511F53u * c.x;
    let hi1 = mul_hi(0xCD9E8D57u, c.z); let lo1 = 0xCD9E8D57u * c.z;
    c = vec4u(hi1 ^ c.y ^ key.x, lo1, hi0 ^ c.w ^ key.y, lo0);
    key += vec2u(0x9E3779B9u, 0xBB67AE85u);
  }
  return c;
}
