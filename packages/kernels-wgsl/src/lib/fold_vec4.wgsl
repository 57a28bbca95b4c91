// The sum of an Elem's parts, where an Elem is four values.
fn fold(v: vec4f) -> f32 { return v.x + v.y + v.z + v.w; }
