// A piece of one parameter: some rows of a matrix, or a whole vector as one row. Elements count from the start of the bound arena range.
struct Piece {
  offset: u32,      // of its first element in the arena range
  rows: u32,
  cols: u32,
  row_at: u32,      // in `second`: mean squares of its first row (of its first element, if it is a vector)
  column_at: u32,   // in `second`: of the parameter's columns
  sum_at: u32,      // in `sums`: its first row
  tensor: u32,      // in `totals`
  all_rows: u32,    // of the parameter
  flags: u32,       // IS_MATRIX, DECAYS, IS_FIRST: the piece holds the parameter's first row
}
const IS_MATRIX = 1u;
const DECAYS = 2u;
const IS_FIRST = 4u;
// u = g / sqrt(row * column) but for the row mean, a number of the parameter (totals.wgsl), so that rows need not wait for each other.
fn scaled(g: f32, row: f32, column: f32) -> f32 { return g * inverseSqrt(row) * inverseSqrt(column); }
