// What a captured program must not freeze: the host rewrites this small buffer before a replay.
struct ProgramState {
  seed: u32,           // of the run; dropout draws from (seed, site, step, micro, element)
  step: u32,           // optimizer steps done so far
  micro: u32,          // micro-batch within the step
  past: u32,           // decoding: positions already in the KV cache
}
