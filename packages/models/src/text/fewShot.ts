// Few-shot prompts: solved examples in front of a question, drawn by seed, never the question itself, as many of each label as can be.

import { usageError } from "../errors.js";
import { mt19937, seedFor } from "../random.js";
import type { Example } from "./example.js";
import type { Shot } from "./promptTemplate.js";

export interface ShotOptions {
  /** Solved examples in front of each prompt. */
  count: number;
  seed: number;
  /** A field of the examples: its values take turns. */
  label?: string;
  /** Default "\n\n". */
  separator?: string;
  /** What makes two examples the same question. Default: the prompt. */
  keyOf?: (example: Example) => string;
}

/**
 * Draws the shots of example number `index` from a pool. Examples that ask the same as its own are never among them, nor is one drawn
 * twice. Throws (usage) where the pool has too few.
 */
export function drawShots(
  pool: readonly Example[],
  own: Example | undefined,
  index: number,
  { count, seed, label, keyOf = ({ prompt }) => prompt }: ShotOptions,
): Shot[] {
  const random = mt19937(seedFor(seed, `shots of row ${index}`));
  const groups = new Map<string, Example[]>();
  const asked = own && keyOf(own);
  for (const example of pool) {
    if (keyOf(example) === asked) continue;
    const key = label === undefined ? "" : (example.fields[label] ?? "");
    const group = groups.get(key);
    if (group) group.push(example);
    else groups.set(key, [example]);
  }
  const queues = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
  const turn = random.below(Math.max(queues.length, 1));
  const shots: Shot[] = [];
  const taken = new Set<string>();
  for (let i = 0; shots.length < count; i++) {
    const left = queues.filter((group) => group.length > 0);
    if (left.length === 0)
      throw usageError(
        `few-shot prompts need ${count} examples besides the row itself; the data has ${shots.length} different ones`,
      );
    const group = queues[(turn + i) % queues.length]!;
    if (group.length === 0) continue;
    const at = random.below(group.length);
    const found = group[at]!;
    const [key, { prompt, completion }] = [keyOf(found), found];
    group[at] = group.at(-1)!; // drawn without replacement, order within the group does not matter
    group.pop();
    if (taken.has(key)) continue;
    taken.add(key);
    shots.push({ prompt, completion });
  }
  // the last label shown weighs most in a model's answer, so no label may always be last
  for (let i = shots.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [shots[i], shots[j]] = [shots[j]!, shots[i]!];
  }
  return shots;
}

/**
 * Of the shots, as many of the last ones as fit in front of the prompt: a prompt that is too long loses solved examples before it loses
 * any of the question.
 * @param fits whether a whole prompt does
 */
export function fittingShots(
  prompt: string,
  shots: readonly Shot[],
  separator: string | undefined,
  fits: (whole: string) => boolean,
): readonly Shot[] {
  let left = shots;
  while (left.length > 0 && !fits(withShots(prompt, left, separator))) left = left.slice(1);
  return left;
}

/** A prompt behind its shots. */
export function withShots(prompt: string, shots: readonly Shot[], separator = "\n\n"): string {
  return [...shots.map((shot) => joined(shot.prompt, shot.completion)), prompt].join(separator);
}

/** "Response:\n" takes its answer directly, "Answer:" after a blank. */
function joined(prompt: string, completion: string): string {
  return /\s$/.test(prompt) || /^\s/.test(completion) ? prompt + completion : `${prompt} ${completion}`;
}
