// Prompts with solved examples in front, drawn by seed. The example that is asked never stands among them.

import { numpyDraws } from "../metrics/random.js";

export interface Solved {
  prompt: string;
  completion: string;
}

/**
 * `count` examples of the pool, a blank line after each, then the prompt. Which ones depends on seed and row alone.
 * Throws a RangeError where the pool has too few other than the prompt.
 */
export function fewShotPrompt(prompt: string, pool: readonly Solved[], count: number, seed: number, row: number): string {
  if (count === 0) return prompt;
  const others = pool.flatMap((one, index) => (one.prompt === prompt ? [] : [index]));
  if (others.length < count) {
    throw new RangeError(`few-shot: ${count} examples are wanted, and there are ${others.length} besides the prompt itself`);
  }
  const draws = numpyDraws((Math.imul(seed, 0x9e3779b1) + row) >>> 0);
  const chosen: number[] = [];
  // the first steps of a Fisher-Yates shuffle
  for (let k = 0; k < count; k++) {
    const at = k + draws.below(others.length - k);
    [others[k], others[at]] = [others[at]!, others[k]!];
    chosen.push(others[k]!);
  }
  const shots = chosen.map((index) => `${pool[index]!.prompt}${gap(pool[index]!.prompt)}${pool[index]!.completion}`);
  return [...shots, prompt].join("\n\n");
}

function gap(prompt: string): string {
  return /\s$/.test(prompt) ? "" : " ";
}
