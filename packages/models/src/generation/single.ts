// Greedy search and sampling: one sequence a row.
import { numericsError } from "../errors.js";
import { logSumExp } from "./processors/penalties.js";
import type { RowContext } from "./processors/processor.js";
import type { DecodePrograms } from "./programs.js";
import { philoxDraws, pick } from "./random.js";
import type { Settings } from "./settings.js";

/** Steps between looks at who has ended: a read-back stalls the device, a wasted step costs little. */
const STEPS_PER_LOOK = 8;

/** The rows of a call. */
export interface SingleRows {
  settings: Settings;
  /** By row, without what is generated. */
  prompts: readonly (readonly number[])[];
  /** By source: the prompts as they were given. */
  encoderIds: readonly (readonly number[])[];
  ends: (ids: readonly number[]) => boolean;
  isOver: () => boolean;
  /** Whether someone waits for each token. */
  isWatched: boolean;
}

/** New tokens of every row since the last time, [rows][tokens], pad after a row's end; log-probabilities, where wanted, up to its end. */
export interface NewTokens {
  ids: number[][];
  scores: number[][] | null;
}

/** Greedy search whose choice the device makes; the host looks every few steps. Only an end token or the length ends a row. */
export async function* greedyOnDevice(programs: DecodePrograms, rows: SingleRows): AsyncGenerator<NewTokens> {
  const { settings, isWatched } = rows;
  const steps = settings.maxLength - settings.promptLength;
  const width = programs.shape.room + 1;
  let made = 0;
  while (made < steps) {
    const from = made;
    const until = Math.min(steps, made + (isWatched ? 1 : STEPS_PER_LOOK));
    for (; made < until; made++) programs.step("greedy", made);
    const [tokens, finished] = await Promise.all([programs.greedy.tokens.toArray(), programs.greedy.finished.toArray()]);
    const ids = Array.from({ length: programs.rows }, (_, row) => [
      ...tokens.subarray(row * width + from + 1, row * width + made + 1),
    ]);
    yield { ids, scores: null };
    if (settings.eos.length > 0 && finished.every((flag) => flag !== 0)) return;
  }
}

/** Greedy search or sampling on scores that the host reads back and processes. */
export async function* chooseOnHost(programs: DecodePrograms, rows: SingleRows): AsyncGenerator<NewTokens> {
  const { settings, encoderIds, ends, isOver } = rows;
  const { pad, maxLength, promptLength, processors, config, seed, firstPrompt, withTokenScores } = settings;
  const perSource = programs.shape.rowsPerSource;
  const draw = philoxDraws(seed);
  const sequences = rows.prompts.map((prompt) => [...prompt]);
  const isDone = sequences.map(() => false);
  let next: Int32Array | null = null; // the first step takes what begins the sequences
  for (let made = 0; promptLength + made < maxLength; made++) {
    const all = (await programs.step("logits", made, next).read("scores")) as Float32Array; // [rows, 1, vocab]
    const vocab = all.length / programs.rows;
    next = new Int32Array(programs.rows).fill(pad);
    const tokenScores: number[][] = sequences.map(() => []);
    for (const [row, ids] of sequences.entries()) {
      if (isDone[row]) {
        ids.push(pad);
        continue;
      }
      const source = Math.floor(row / perSource);
      const scores = all.subarray(row * vocab, (row + 1) * vocab);
      const context: RowContext = { ids, source, promptLength, maxLength, encoderIds: encoderIds[source]! };
      for (const change of processors) change(scores, context);
      // samples of one prompt have numbers that no other prompt's have, whatever the batch
      const sequence = (firstPrompt + source) * perSource + (row % perSource);
      const id = config.doSample ? sampleFrom(scores, draw(sequence, made, 0)) : argmax(scores);
      if (withTokenScores) tokenScores[row]!.push(scores[id]! - logSumExp(scores));
      ids.push(id);
      next[row] = id;
      isDone[row] = ends(ids);
    }
    yield { ids: Array.from(next, (id) => [id]), scores: withTokenScores ? tokenScores : null };
    if (isDone.every(Boolean) || isOver()) return;
  }
}

/** The first of the largest; NaN is the largest, as torch.argmax has it. */
function argmax(scores: Float32Array): number {
  let best = 0;
  for (let i = 0; i < scores.length; i++) {
    if (Number.isNaN(scores[i]!)) return i;
    if (scores[i]! > scores[best]!) best = i;
  }
  return best;
}

/** An id with the probabilities of softmax(scores). Throws (numerics) where there are none. */
function sampleFrom(scores: Float32Array, uniform: number): number {
  const logSum = logSumExp(scores);
  const id = pick(
    Float64Array.from(scores, (score) => Math.exp(score - logSum)),
    uniform,
  );
  if (id < 0) throw nothingLeft();
  return id;
}

/** Every score is minus infinity, or one is not a number. */
export function nothingLeft(): Error {
  return numericsError(
    "generation: no token has a probability: the logits are not finite (try f32 weights), or the settings forbid every token",
  );
}
