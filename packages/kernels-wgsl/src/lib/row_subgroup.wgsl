// A row is shared by the lanes of one subgroup, which is the whole workgroup (LANES = subgroup size).
fn row_sum(v: f32) -> f32 { return subgroupAdd(v); }
fn row_max(v: f32) -> f32 { return subgroupMax(v); }
fn row_min_u32(v: u32) -> u32 { return subgroupMin(v); }
fn row_share(v: f32, lane: u32) -> f32 { return subgroupShuffle(v, lane); }
fn row_share_u32(v: u32, lane: u32) -> u32 { return subgroupShuffle(v, lane); }
