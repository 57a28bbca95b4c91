// For a block of queries, in place: s becomes keep * p and dp becomes ds = p * (keep * dp - delta), with p = exp(s + bias - lse) and keep
// dropout's 0 or 1 / (1 - p), drawn again from its counter; both are 0 on hidden keys. The products around it are matmuls, so the
// backward pass never holds more than a block of rows. s and dp [batch, heads, block, quads * 4] hold scaled scores and dy v^T of
// queries first ...; columns from cols on are padding. A workgroup walks several rows, a lane four keys of each at a time.
//! use philox
//! use program_state
const LANES = 16u;
const ROWS = 8u;                     // of a workgroup: what is the same for all is read once
struct Params {
  rows: u32, block: u32, first: u32, heads: u32, queries: u32, keys: u32, quads: u32, cols: u32, has_numbers: u32,
  is_causal: u32, has_bias: u32, offset: u32, distances: u32, stat_rows: u32, has_dropout: u32, site: u32, threshold: u32, keep: f32,
  first_head: u32,
}
@group(0) @binding(0) var<storage, read> stats: array<f32>;          // [2, batch, heads, query]: lse, then delta
@group(0) @binding(1) var<storage, read> numbers: array<i32>;        // numbers.wgsl; anything if has_numbers == 0
@group(0) @binding(2) var<storage, read> bias_of: array<vec2u>;      // bias_of.wgsl; anything if has_bias == 0
@group(0) @binding(3) var<storage, read> state: ProgramState;        // read only with dropout
@group(0) @binding(4) var<storage, read_write> s: array<vec4f>;      // [batch, heads, block, quads]
@group(0) @binding(5) var<storage, read_write> dp: array<vec4f>;     // [batch, heads, block, quads]
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first_row = (group.y * groups.x + group.x) * ROWS;
  let heads = params.heads;            // params are read once: a uniform load in the loop would cost as much as a storage load
  let quads = params.quads;
  let has_numbers = params.has_numbers != 0u;
  let has_bias = params.has_bias != 0u;
  let has_dropout = params.has_dropout != 0u;
  let threshold = vec4u(params.threshold);
  let keep = vec4f(params.keep);
  let is_causal = params.is_causal != 0u;
  let block = params.block;
  let first_query = params.first;
  let queries = params.queries;
  let keys = params.keys;
  let cols = params.cols;
  let base_offset = params.offset;
  let distances = params.distances;
  let stat_rows = params.stat_rows;
  let first_noise = params.first_head * queries;   // rows of a larger batch before these: dropout counts them
  let noise = vec4u(0u, params.site, state.step, state.micro);
  let noise_key = vec2u(state.seed, 0u);
  let last_row = min(first_row + ROWS, params.rows);
  for (var row = first_row; row < last_row; row++) {
    let bh = row / block;
    let head = bh % heads;
    let query = first_query + row % block;
    let stat = bh * queries + query;
    let row_lse = stats[stat];
    let row_delta = stats[stat_rows + stat];
    let key_base = stat_rows / heads + (bh / heads) * keys;          // numbers [batch, query], then [batch, key]
    let zero = head * distances + base_offset - query;
    let noise_at = (first_noise + stat) * ((keys + 3u) / 4u);
    var limit = cols;
    if (is_causal) { limit = min(limit, query + 1u); }
    var number = 0i;
    if (has_numbers) { number = numbers[(bh / heads) * queries + query]; }
    for (var quad = lane; quad < quads; quad += LANES) {
      let key = 4u * quad;
      let at = row * quads + quad;
      var visible = vec4u(key, key + 1u, key + 2u, key + 3u) < vec4u(limit);
      let c = key_base + key;
      if (has_numbers) {
        visible = visible & (vec4i(numbers[c], numbers[c + 1u], numbers[c + 2u], numbers[c + 3u]) == vec4i(number));
      }
      var x = s[at];
      if (has_bias) {
        let d = zero + key;
        x += bitcast<vec4f>(vec4u(bias_of[d].x, bias_of[d + 1u].x, bias_of[d + 2u].x, bias_of[d + 3u].x));
      }
      let p = select(vec4f(0.0), exp(clamp(x, vec4f(-3.3e38), vec4f(3.3e38)) - row_lse), visible);
      var kept = vec4f(1.0);
      if (has_dropout) {
        let words = philox(vec4u(noise_at + quad, noise.y, noise.z, noise.w), noise_key);
        kept = select(vec4f(0.0), keep, words >= threshold);
      }
      s[at] = p * kept;
      dp[at] = select(vec4f(0.0), p * (kept * dp[at] - row_delta), visible);
    }
  }
}
