// What one optimizer step decided (optimizer/decide.wgsl), and what is kept between steps: 48 bytes that never leave the device unasked.
struct Update {
  good: u32,           // updates done: Adam's t after this step
  grown: u32,          // of them since the loss scale last changed
  skipped: u32,        // updates refused because a gradient was not finite
  is_good: u32,        // this update: 0 leaves weights and moments as they are
  norm: f32,           // of the whole gradient, unscaled, before clipping
  factor: f32,         // of every gradient: clipping over the loss scale
  rate: f32,           // row `good` (before this step) of the table of numbers: learning rate,
  first: f32,          // and two more by optimizer
  second: f32,
}
