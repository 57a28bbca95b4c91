// Processors that make tokens less or more likely.
import type { Processor } from "./processor.js";

/** Each id that stands in the sequence, once: a negative score times `penalty`, another one divided by it (Keskar et al. 2019, CTRL). */
export function repetitionPenalty(penalty: number): Processor {
  return (scores, { ids }) => penalize(scores, ids, penalty);
}

/** Makes ids of the encoder's input more likely (penalty above 1): the inverse of a repetition penalty. */
export function encoderRepetitionPenalty(penalty: number): Processor {
  return (scores, { encoderIds }) => penalize(scores, encoderIds, 1 / penalty);
}

function penalize(scores: Float32Array, ids: readonly number[], penalty: number): void {
  for (const id of new Set(ids)) {
    const score = scores[id];
    if (score !== undefined) scores[id] = score < 0 ? score * penalty : score / penalty;
  }
}

/** Adds a number to the last token of a sequence where the tokens before it stand at the end; a sequence of one token counts always. */
export function sequenceBias(biases: readonly (readonly [readonly number[], number])[]): Processor {
  return (scores, { ids }) => {
    const sums = new Map<number, number>(); // added up first: transformers rounds their sum, not each step
    for (const [sequence, bias] of biases) {
      const prefix = sequence.slice(0, -1);
      const last = sequence.at(-1)!;
      if (last < scores.length && endsWith(ids, prefix)) sums.set(last, (sums.get(last) ?? 0) + bias);
    }
    for (const [id, sum] of sums) scores[id] = scores[id]! + Math.fround(sum);
  };
}

export function endsWith(ids: readonly number[], suffix: readonly number[]): boolean {
  if (suffix.length > ids.length) return false;
  return suffix.every((id, i) => ids[ids.length - suffix.length + i] === id);
}

/** After `start` new tokens the end becomes more likely, by a factor that grows with every token. */
export function exponentialDecay([start, factor]: readonly [number, number], eos: readonly number[]): Processor {
  return (scores, { ids, promptLength }) => {
    const over = ids.length - promptLength - start;
    if (over <= 0) return;
    for (const id of eos) scores[id] = scores[id]! + Math.abs(scores[id]!) * (factor ** over - 1);
  };
}

/** NaN becomes 0, infinities the largest and smallest numbers. */
export const removeInvalid: Processor = (scores) => {
  const most = 3.4028234663852886e38;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (Number.isNaN(score)) scores[i] = 0;
    else if (!Number.isFinite(score)) scores[i] = score > 0 ? most : -most;
  }
};

/** log softmax, so that scores are log-probabilities again after others have changed them. */
export const renormalize: Processor = (scores) => {
  const logSum = logSumExp(scores);
  for (let i = 0; i < scores.length; i++) scores[i] = scores[i]! - logSum;
};

/** log(sum(exp(scores))) in double precision; minus infinity where nothing is left. */
export function logSumExp(scores: Float32Array): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scores.length; i++) if (scores[i]! > highest) highest = scores[i]!;
  if (highest === Number.NEGATIVE_INFINITY) return highest;
  let sum = 0;
  for (let i = 0; i < scores.length; i++) if (scores[i]! !== Number.NEGATIVE_INFINITY) sum += Math.exp(scores[i]! - highest);
  return highest + Math.log(sum);
}
