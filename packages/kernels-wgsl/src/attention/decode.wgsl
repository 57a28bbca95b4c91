// y[row, h, :] = sum over visible positions t of p_t v[t], p = softmax(scale * q k^T + bias): attention of one query a row, as a step of
// decoding has it. Keys and values lie in a cache where rows of one source (its beams, its samples) have a region in common; `places`
// says where in it the key of a position lies. Beams share what they have in common that way: when they change places, numbers are
// written anew and no key is copied. A row and head a workgroup: each lane scores a key, then the lanes share the columns of v, key by
// key, with a running maximum and total (Dao et al. 2022). IS_LIVE: the query stands at position first + state.past, and the loop ends
// there, whatever room the cache has.
//! use row_subgroup
//! use program_state
//! use fold_vec4
alias Elem = vec4f;                  // vec4f | f32, with fold_f32 for fold_vec4
const LANES = 8u;
const SHARE = 2u;                    // Elems of a head that a lane holds: at least cols / LANES
const LOWEST = -3.4e38;              // not -inf: implementations may assume that it does not occur
struct Params {
  count: u32, heads: u32, cols: u32, scale: f32, source_rows: u32, place_rows: u32, positions: u32, region: u32,
  is_live: u32, first: u32, has_bias: u32, offset: u32, distances: u32,
}
@group(0) @binding(0) var<storage, read> q: array<Elem>;             // [row, heads * cols], in Elems
@group(0) @binding(1) var<storage, read> k: array<Elem>;             // [row / source_rows, region, heads * cols]
@group(0) @binding(2) var<storage, read> v: array<Elem>;             // likewise
@group(0) @binding(3) var<storage, read> places: array<i32>;         // [row / place_rows, positions]; negative: hidden
@group(0) @binding(4) var<storage, read> bias_of: array<vec2u>;      // bias_of.wgsl; anything if has_bias == 0
@group(0) @binding(5) var<storage, read> state: ProgramState;        // read only if is_live
@group(0) @binding(6) var<storage, read_write> y: array<Elem>;       // [row, heads * cols]
@group(0) @binding(7) var<uniform> params: Params;

// decode.ts makes a second kernel that reads textures: it replaces these two lines and the bindings of k and v
fn load_k(i: u32) -> Elem { return k[i]; }
fn load_v(i: u32) -> Elem { return v[i]; }

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.y * groups.x + group.x;
  if (i >= params.count) { return; }   // rows * heads
  let cols = params.cols;              // params are read once: a uniform load in the loops would cost as much as a storage load
  let positions = params.positions;
  let scale = params.scale;
  let has_bias = params.has_bias != 0u;
  let stride = params.heads * cols;
  let head = i % params.heads;
  let row = i / params.heads;
  var limit = positions;
  var here = 0u;
  if (params.is_live != 0u) {
    here = params.first + state.past;
    limit = min(limit, params.first + state.past + 1u);
  }
  let zero = head * params.distances + params.offset;
  let q_at = row * stride + head * cols;
  let kv_at = row / params.source_rows * params.region * stride + head * cols;
  let places_at = row / params.place_rows * positions;
  var highest = LOWEST;
  var total = 0.0;
  var held = array<Elem, SHARE>();
  for (var begin = 0u; begin < limit; begin += LANES) {
    let t = begin + lane;
    var place = -1i;
    if (t < limit) { place = places[places_at + t]; }
    let visible = place >= 0i;
    let at = kv_at + u32(max(place, 0i)) * stride;
    var dot = Elem();
    for (var c = 0u; c < cols; c++) { dot += q[q_at + c] * load_k(at + c); }
    var score = fold(dot) * scale;
    if (has_bias) { score += bitcast<f32>(bias_of[zero + t - here].x); }
    score = select(LOWEST, clamp(score, -3.3e38, 3.3e38), visible);
    let before = highest;
    highest = max(highest, row_max(score));
    let shrink = exp(before - highest);
    let p = select(0.0, exp(score - highest), visible);
    total = total * shrink + row_sum(p);
    for (var c = 0u; c < SHARE; c++) { held[c] *= shrink; }
    let last = min(LANES, limit - begin);
    for (var j = 0u; j < last; j++) {
      let weight = row_share(p, j);
      let v_at = row_share_u32(at, j) + lane;
      for (var c = 0u; c < SHARE; c++) {
        if (lane + c * LANES < cols) { held[c] += weight * load_v(v_at + c * LANES); }
      }
    }
  }
  let inverse = select(0.0, 1.0 / total, total > 0.0);
  for (var c = 0u; c < SHARE; c++) {
    if (lane + c * LANES < cols) { y[q_at + lane + c * LANES] = held[c] * inverse; }
  }
}
