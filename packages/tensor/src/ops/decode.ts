import { planArgmax, planCacheAppend } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { OpContext } from "../op.js";
import type { ProgramState } from "../programState.js";
import { show } from "../shape.js";
import type { Tensor } from "../tensor.js";

/** Writes x [batch, 1, width] to row state.past of cache [batch, capacity, width], in place. Not differentiable. */
export function cacheAppend(cache: Tensor, x: Tensor, state: ProgramState): void {
  const [rows, capacity, cols] = cache.shape as [number, number, number];
  if (x.size !== rows * cols) throw new TensorError(`cacheAppend: x ${show(x.shape)} does not fit cache ${show(cache.shape)}`);
  const ctx = new OpContext(cache.device, "cacheAppend");
  ctx.run(planCacheAppend({ rows, capacity, cols }, ctx.facts), { x, state: state.tensor, cache });
}

export interface GreedyState {
  /** i32 [rows]: the token just chosen, input of the next step. */
  next: Tensor;
  /** i32 [rows, capacity + 1]: everything chosen so far; column 0 is the start token. */
  tokens: Tensor;
  /** i32 [rows]: 1 after eos. */
  finished: Tensor;
}

/** Greedy choice for logits [rows, vocab] at state.past: updates `greedy` in place. The first index wins a tie, as torch.argmax. */
export function chooseGreedy(
  logits: Tensor,
  greedy: GreedyState,
  options: { eos: number; pad: number; state: ProgramState },
): void {
  const [rows, width] = greedy.tokens.shape as [number, number];
  const cols = logits.size / rows;
  const ctx = new OpContext(logits.device, "chooseGreedy");
  const call = planArgmax({ rows, cols, capacity: width - 1, eos: options.eos, pad: options.pad }, ctx.facts);
  ctx.run(call, { x: logits, state: options.state.tensor, next: greedy.next, tokens: greedy.tokens, finished: greedy.finished });
}
