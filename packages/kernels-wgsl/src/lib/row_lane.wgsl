// A row belongs to one lane alone (LANES = 1): for devices without subgroups.
fn row_sum(v: f32) -> f32 { return v; }
fn row_max(v: f32) -> f32 { return v; }
fn row_min_u32(v: u32) -> u32 { return v; }
fn row_share(v: f32, lane: u32) -> f32 { return v; }
fn row_share_u32(v: u32, lane: u32) -> u32 { return v; }
