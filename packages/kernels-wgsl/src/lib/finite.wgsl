// By bits: drivers may assume that floats are finite, so v != v and comparisons with infinity may be folded away.
fn is_finite(v: f32) -> bool { return (bitcast<u32>(v) & 0x7f800000u) != 0x7f800000u; }
fn any_broken(v: vec4f) -> bool { return any((bitcast<vec4u>(v) & vec4u(0x7f800000u)) == vec4u(0x7f800000u)); }
