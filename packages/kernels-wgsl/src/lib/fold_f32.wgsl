// The sum of an Elem's parts, where an Elem is one value.
fn fold(v: f32) -> f32 { return v; }
