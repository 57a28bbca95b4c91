import { planArgmax, planCacheAppend, planTopK, TOP_K_LIMIT } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import { OpContext, wantF32 } from "../op.js";
import type { ProgramState } from "../programState.js";
import { rowsOf, show } from "../shape.js";
import type { Tensor } from "../tensor.js";

/** Where cacheAppend puts rows, beside their order. */
export interface CachePlaces {
  /** Place of a region's first row. */
  first: number;
  /** From one row's place to the next: 1 for a prompt; the room that each sequence has, with `state`. Default 1. */
  step?: number;
  /** Decoding: every row goes state.past places further. */
  state?: ProgramState | null;
}

/**
 * Puts x [sources, count, width], or [sources * count, 1, width], into cache [sources, region, width], in place: row i of a source to
 * first + i * step (+ state.past). What has no room is left out. Not differentiable.
 *
 * @throws TensorError on shapes that do not fit
 */
export function cacheAppend(cache: Tensor, x: Tensor, { first, step = 1, state = null }: CachePlaces): void {
  const [sources, region, cols] = cache.shape as [number, number, number];
  const rows = x.size / cols;
  if (x.shape.at(-1) !== cols || rows % sources !== 0 || first + (rows / sources) * step > region) {
    throw new TensorError(
      `cacheAppend: x ${show(x.shape)} does not fit cache ${show(cache.shape)} from place ${first} on in steps of ${step}`,
    );
  }
  const ctx = new OpContext(cache.device, "cacheAppend");
  const call = planCacheAppend({ rows, cols, group: rows / sources, region, first, step, isLive: state !== null }, ctx.facts);
  ctx.run(call, { x, state: state?.tensor ?? null, cache });
}

export interface GreedyState {
  /** i32 [rows]: the token just chosen, input of the next step. */
  next: Tensor;
  /** i32 [rows, capacity + 1]: everything chosen so far; column 0 is the start token. */
  tokens: Tensor;
  /** i32 [rows]: 1 after eos. */
  finished: Tensor;
}

/** Greedy choice for logits [rows, vocab] at state.past: updates `greedy` in place; any id of `eos` i32 [n] ends a row. The first index wins a tie, and NaN is the largest, as torch.argmax: a row of NaN gives 0. */
export function chooseGreedy(
  logits: Tensor,
  greedy: GreedyState,
  options: { eos: Tensor | null; pad: number; state: ProgramState },
): void {
  const [rows, width] = greedy.tokens.shape as [number, number];
  const cols = logits.size / rows;
  const ctx = new OpContext(logits.device, "chooseGreedy");
  const call = planArgmax({ rows, cols, capacity: width - 1, ends: options.eos?.size ?? 0, pad: options.pad }, ctx.facts);
  ctx.run(call, {
    x: logits,
    state: options.state.tensor,
    eos: options.eos,
    next: greedy.next,
    tokens: greedy.tokens,
    finished: greedy.finished,
  });
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
