// How probable given completions are: log p(completion | prompt) of T5 and OPT, token by token, in one forward pass a batch (the
// training side's: nothing is generated). For choosing among labels, for perplexity, and for ranking answers.
import { capture, type Device, noGrad, type Program, reshape, ScratchSet, selectRows, type Tensor } from "@attune/tensor";
import { numericsError, usageError } from "./errors.js";
import type { Opt } from "./opt/opt.js";
import { T5 } from "./t5/t5.js";
import { causalExample, collateCausal } from "./text/causalLm.js";
import { type Batch, bucketLength, collate, IGNORE_INDEX, lengthLadder } from "./text/collate.js";
import { promptIds, type TokenizedExample } from "./text/example.js";
import type { Side } from "./tokenizers/batch.js";
import type { Tokenizer } from "./tokenizers/tokenizer.js";
import { countedRows, type TrainingModel, trainingModel } from "./training.js";

/** What is scored: all ids as the model reads them, begin and end tokens included. */
export interface Completion {
  prompt: readonly number[];
  completion: readonly number[];
}

export interface CompletionScore {
  /** Sum over the tokens, in nats. */
  logProbability: number;
  /** [completion] */
  tokens: Float64Array;
}

export interface ScoringOptions {
  /** Completions a batch; 8. */
  batch?: number;
  /** Scratch of other programs too, which then disposes of it; one of its own without. */
  scratch?: ScratchSet | undefined;
  /** Told after every batch. */
  onProgress?: (done: number, total: number) => void;
}

export interface CompletionTextOptions {
  /** Longest prompt in ids. */
  maxPrompt: number;
  /** The side on which a longer one is cut, template's tokens aside. Default: T5's as its tokenizer says, OPT's "left". */
  truncation?: Side | undefined;
  /** Whether the end token is scored too: without it a label is as good as every label that begins with it. True. */
  withEnd?: boolean;
}

/** Ids of a prompt and a completion as training has them: T5's in two sequences, OPT's in one. */
export function completionIds(
  model: T5 | Opt,
  tokenizer: Tokenizer,
  { prompt, completion }: { prompt: string; completion: string },
  { maxPrompt, truncation, withEnd = true }: CompletionTextOptions,
): Completion {
  const bare = tokenizer.encode(completion, { addSpecialTokens: false });
  const ids = withEnd ? [...bare, tokenizer.eosId] : bare;
  return { prompt: promptIds(tokenizer, prompt, maxPrompt, model instanceof T5, truncation), completion: ids };
}

/**
 * Scores completions of one model, batched by length, in the order in which they came.
 * Throws (usage) for a completion or a prompt without ids; (data) where OPT's positions end; (numerics) where a score is not a number.
 */
export async function scoreCompletions(
  device: Device,
  model: T5 | Opt,
  completions: readonly Completion[],
  { batch = 8, scratch: shared, onProgress = () => {} }: ScoringOptions = {},
): Promise<CompletionScore[]> {
  const scratch = shared ?? new ScratchSet(device);
  const training = trainingModel(model);
  const isPair = model instanceof T5;
  const padId = model.config.padTokenId;
  const lengths = completions.map((one, index) => {
    if (one.completion.length === 0 || one.prompt.length === 0)
      throw usageError(
        `scoring: completion ${index + 1} has no tokens in its ${one.prompt.length === 0 ? "prompt" : "completion"}`,
      );
    return isPair
      ? { source: one.prompt.length, target: one.completion.length, index }
      : { source: one.prompt.length + one.completion.length, target: 0, index };
  });
  lengths.sort((a, b) => b.source - a.source || b.target - a.target || a.index - b.index); // longest first: scratch is reserved once
  const rungs = { source: ladderOf(lengths.map(({ source }) => source)), target: ladderOf(lengths.map(({ target }) => target)) };
  const programs = new Map<string, ScoringProgram>();
  const scores = new Array<CompletionScore>(completions.length);
  try {
    for (let at = 0; at < lengths.length; at += batch) {
      const rows = lengths.slice(at, at + batch);
      const source = bucketLength(rows[0]!.source, rungs.source);
      const target = isPair ? bucketLength(Math.max(...rows.map((row) => row.target)), rungs.target) : source;
      const examples = rows.map(({ index }) => exampleOf(completions[index]!, index, isPair));
      const filled = isPair
        ? collate(examples, { rows: batch, source, target }, padId)
        : collateCausal(examples, { rows: batch, length: source }, padId);
      const losses = await lossesOf(device, training, filled, programs, scratch); // [batch * target]
      rows.forEach(({ index }, row) => {
        const { prompt, completion } = completions[index]!;
        // OPT's label of position i is the id at i + 1
        const first = row * target + (isPair ? 0 : prompt.length - 1);
        const tokens = Float64Array.from(completion, (_, i) => -losses[first + i]!);
        const logProbability = tokens.reduce((sum, value) => sum + value, 0);
        if (Number.isNaN(logProbability)) throw numericsError(`scoring: the model gives completion ${index + 1} no number (NaN)`);
        scores[index] = { logProbability, tokens };
      });
      onProgress(Math.min(at + batch, lengths.length), lengths.length);
    }
  } finally {
    for (const program of programs.values()) program.dispose();
    if (!shared) scratch.dispose();
  }
  return scores;
}

type ScoringProgram = Program<Record<string, { shape: readonly number[]; dtype: "i32" }>, { losses: Tensor }>;

function ladderOf(lengths: readonly number[]): number[] {
  return lengthLadder(lengths.reduce((most, length) => Math.max(most, length), 1));
}

function exampleOf({ prompt, completion }: Completion, index: number, isPair: boolean): TokenizedExample {
  const id = String(index);
  if (isPair) return { id, inputIds: prompt, labels: completion, isSourceCut: false, isTargetCut: false };
  const whole = causalExample(id, [...prompt, ...completion]);
  return { ...whole, labels: [...prompt.map(() => IGNORE_INDEX), ...completion] };
}

/** Losses [rows * target] of a batch, 0 where no label counts; the vocabulary is computed for labels that count only. */
async function lossesOf(
  device: Device,
  training: TrainingModel,
  batch: Batch,
  programs: Map<string, ScoringProgram>,
  scratch: ScratchSet,
): Promise<Float32Array> {
  const { rows, source, target } = batch;
  const all = rows * target;
  const labels = training.labels(batch);
  const counted = countedRows(labels);
  const capacity = counted?.capacity ?? all;
  const key = `${rows} x ${source} + ${target}, ${capacity} count`;
  let program = programs.get(key);
  if (!program) {
    const i32 = (shape: readonly number[]) => ({ shape, dtype: "i32" as const });
    const inputs = {
      ...Object.fromEntries(Object.entries(training.shapes({ rows, source, target })).map(([name, dims]) => [name, i32(dims)])),
      ...(counted ? { indices: i32([capacity]), inverse: i32([all]) } : {}),
      labels: i32([capacity]),
    };
    const body = ({ labels: wanted, indices, inverse, ...given }: Readonly<Record<string, Tensor>>) =>
      noGrad(() => {
        const hidden = training.hidden(given);
        const everyRow = reshape(hidden, [all, hidden.shape.at(-1)!]); // [rows * target, width]
        return { losses: training.losses(indices ? selectRows(everyRow, indices, inverse!) : everyRow, wanted!) };
      });
    program = capture(device, `score ${key}`, inputs, body, scratch) as ScoringProgram;
    programs.set(key, program);
  }
  const picked = counted ? { indices: counted.indices, inverse: counted.inverse, labels: counted.labels } : { labels };
  program.run({ ...training.arrays(batch), ...picked });
  const found = (await program.outputs.losses.toArray()) as Float32Array; // [capacity]
  if (!counted) return found;
  const spread = new Float32Array(all);
  counted.indices.forEach((row, place) => {
    if (row >= 0) spread[row] = found[place]!;
  });
  return spread;
}
