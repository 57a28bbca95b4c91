// lib: the activation of a matmul's epilogue; the same formulas as elementwise/unary.wgsl, so that fusing changes no bit.
fn activate(v: vec4f, flags: u32) -> vec4f {
  if ((flags & 4u) != 0u) { return max(v, vec4f(0.0)); }
  if ((flags & 8u) != 0u) {
    let inner = 0.7978845608028654 * (v + 0.044715 * v * v * v);
    return 0.5 * v * (1.0 + tanh(clamp(inner, vec4f(-15.0), vec4f(15.0))));
  }
  return v;
}
