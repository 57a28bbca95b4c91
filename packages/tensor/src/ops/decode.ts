import { planArgmax, planCacheAppend, planTopK, TOP_K_LIMIT } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { OpContext, wantF32 } from "../op.js";
import type { ProgramState } from "../programState.js";
import { rowsOf, show } from "../shape.js";
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

/** Greedy choice for logits [rows, vocab] at state.past: updates `greedy` in place. The first index wins a tie, and NaN is the largest, as torch.argmax: a row of NaN gives 0. */
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

/**
 * The k largest of each row of x [..., cols], largest first: values f32 and ids i32, [..., k]. The lowest id wins a tie; NaN counts as the
 * largest, as in torch. Not differentiable.
 * @throws TensorError unless k is 1 to 64 and no more than the columns
 */
export function topK(x: Tensor, k: number): { values: Tensor; ids: Tensor } {
  wantF32("topK", "x", x);
  const { rows, cols } = rowsOf(x.shape);
  const most = Math.min(cols, TOP_K_LIMIT);
  if (!(Number.isInteger(k) && k >= 1 && k <= most)) {
    throw new TensorError(`topK: k must be a whole number from 1 to ${most} for x ${show(x.shape)}, got ${k}`);
  }
  const ctx = new OpContext(x.device, "topK");
  const shape = [...x.shape.slice(0, -1), k];
  const [values, ids] = [ctx.empty(shape), ctx.empty(shape, "i32")];
  ctx.run(planTopK({ rows, cols, k }, ctx.facts), { x, values, ids });
  return { values, ids };
}
