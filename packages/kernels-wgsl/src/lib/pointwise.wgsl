// The formulas of all element-wise kernels, four elements at a time: unary.wgsl and its siblings call them, and the generator of
// fused chains (elementwise/fused.ts) takes the ones it needs, so that a fused step has the bits of its parts.
fn f_affine(v: vec4f, alpha: f32, beta: f32) -> vec4f { return alpha * v + beta; }
fn f_relu(v: vec4f) -> vec4f { return max(v, vec4f(0.0)); }
fn f_gelu_new(v: vec4f) -> vec4f {                  // tanh form; the argument is clamped since tanh(15) is 1 in f32 already
  let inner = 0.7978845608028654 * (v + 0.044715 * v * v * v);
  return 0.5 * v * (1.0 + tanh(clamp(inner, vec4f(-15.0), vec4f(15.0))));
}
fn f_exp(v: vec4f) -> vec4f { return exp(v); }
fn f_log(v: vec4f) -> vec4f { return log(v); }
fn f_sqrt(v: vec4f) -> vec4f { return sqrt(v); }
fn f_tanh(v: vec4f) -> vec4f { return tanh(clamp(v, vec4f(-15.0), vec4f(15.0))); }
fn f_square(v: vec4f) -> vec4f { return v * v; }
fn f_reciprocal(v: vec4f) -> vec4f { return 1.0 / v; }
fn f_sigmoid(v: vec4f) -> vec4f { return 1.0 / (1.0 + exp(-v)); }
fn d_relu(v: vec4f, dy: vec4f) -> vec4f { return select(vec4f(0.0), vec4f(1.0), v > vec4f(0.0)) * dy; }
fn d_gelu_new(v: vec4f, dy: vec4f) -> vec4f {       // d/dv 0.5 v (1 + t) with t = tanh(c (v + 0.044715 v^3))
  let c = 0.7978845608028654;
  let t = tanh(clamp(c * (v + 0.044715 * v * v * v), vec4f(-15.0), vec4f(15.0)));
  // v^2 is held to where 1 - t^2 is not yet 0, or 0 * inf would be NaN for huge v
  let square = min(v * v, vec4f(1.0e4));
  let slope = 0.5 * (1.0 + t) + 0.5 * clamp(v, vec4f(-100.0), vec4f(100.0)) * (1.0 - t * t) * c * (1.0 + 3.0 * 0.044715 * square);
  return slope * dy;
}
fn d_exp(v: vec4f, dy: vec4f) -> vec4f { return exp(v) * dy; }
fn d_log(v: vec4f, dy: vec4f) -> vec4f { return 1.0 / v * dy; }
fn d_sqrt(v: vec4f, dy: vec4f) -> vec4f { return 0.5 / sqrt(v) * dy; }
fn d_tanh(v: vec4f, dy: vec4f) -> vec4f { let t = tanh(clamp(v, vec4f(-15.0), vec4f(15.0))); return (1.0 - t * t) * dy; }
fn d_square(v: vec4f, dy: vec4f) -> vec4f { return 2.0 * v * dy; }
fn d_reciprocal(v: vec4f, dy: vec4f) -> vec4f { return -1.0 / (v * v) * dy; }
fn d_sigmoid(v: vec4f, dy: vec4f) -> vec4f { let s = 1.0 / (1.0 + exp(-v)); return s * (1.0 - s) * dy; }
fn f_add(a: vec4f, b: vec4f, alpha: f32) -> vec4f { return a + alpha * b; }
fn f_mul(a: vec4f, b: vec4f) -> vec4f { return a * b; }
fn f_div(a: vec4f, b: vec4f) -> vec4f { return a / b; }
fn f_max(a: vec4f, b: vec4f) -> vec4f { return max(a, b); }
fn d_max(a: vec4f, b: vec4f, dy: vec4f) -> vec4f {  // dy where a > b, half of it at a tie (the subgradient torch uses)
  return select(select(vec4f(0.0), vec4f(0.5), a == b), vec4f(1.0), a > b) * dy;
}
fn f_accumulate(y: vec4f, x: vec4f, alpha: f32, inside: vec4<bool>) -> vec4f {
  return y + select(vec4f(0.0), alpha * x, inside);
}
fn f_dropout(x: vec4f, words: vec4u, threshold: u32, scale: f32) -> vec4f {
  return select(vec4f(0.0), x * scale, words >= vec4u(threshold));
}
