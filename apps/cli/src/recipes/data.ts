// From a run's files to batches: rows -> examples -> token ids -> a plan of updates. No device yet, so `plan` and bad input are cheap.
import {
  type Batch,
  causalExample,
  collate,
  collateCausal,
  corruptSpans,
  cutStream,
  dataError,
  type Example,
  mt19937,
  type PromptTemplate,
  promptCompletion,
  rawLength,
  seedFor,
  type TokenizedExample,
  type Tokenizer,
  tokenizeExample,
} from "@attune/models";
import { type BatchPlan, planBatches, pretokenizedRow } from "@attune/tuning";
import { openDataset } from "@attune/tuning/node";
import type { Run } from "../run/schema.js";
import { readRunExamples } from "./examples.js";
import type { ModelFiles } from "./model.js";

export interface TrainingData {
  /** What is trained on, in file order; empty for span corruption, whose examples are drawn anew each epoch. */
  examples: Example[];
  validation: Example[];
  count: number;
  plan: BatchPlan;
  totalSteps: number;
  /** How rows became prompts: for attune_template.json. */
  template: PromptTemplate;
  /** The first rows as they are learnt in the first epoch. */
  tokenized(rows: number): TokenizedExample[];
  /** The micro-batches of every update from one on, in order. */
  updates(from?: number): Generator<Batch[]>;
  notes: string[];
}

/** Reads and tokenises. Throws (data) naming file and line. */
export async function prepareData(
  run: Run,
  files: Pick<ModelFiles, "tokenizer" | "known" | "tokenizerFiles">,
): Promise<TrainingData> {
  const { tokenizer, known } = files;
  const ids = await pretokenizedRows(run, files);
  const { examples, validation, template, notes } = ids ? NO_TEXT : await readRunExamples(run, files);
  const source = ids
    ? idRows(ids, files)
    : SOURCES[run.objective === "instruction" ? `${known.kind} instruction` : run.objective](run, tokenizer, examples);
  if (source.lengths.length === 0) throw dataError(`${run.data.train}: 0 of ${examples.length} rows are left to train on`);
  const plan = planBatches(source.lengths, {
    batchSize: run.train.batch,
    accumulate: run.train.accumulate,
    seed: run.train.seed,
    ...(ids ? { order: "sequential" } : {}),
  });
  const totalSteps = run.train.steps ?? Math.ceil((run.train.epochs ?? 3) * plan.updatesPerEpoch);
  return {
    examples: run.objective === "instruction" ? examples : [],
    validation,
    count: source.lengths.length,
    plan,
    totalSteps,
    template,
    tokenized: (rows) => source.lengths.slice(0, rows).map((_, index) => source.example(index, 0)),
    notes: [...notes, ...source.notes],
    *updates(from = 0) {
      let done = from;
      const { updatesPerEpoch } = plan;
      const start = { epoch: Math.floor(from / updatesPerEpoch), update: from % updatesPerEpoch };
      for (const { epoch, batches } of plan.updates(start)) {
        if (done++ >= totalSteps) return;
        yield batches.map(({ examples: indices, source: length, target }) =>
          source.collate(
            indices.map((index) => source.example(index, epoch)),
            { rows: run.train.batch, source: length, target },
          ),
        );
      }
    },
  };
}

const NO_TEXT = { examples: [], validation: [], template: { name: "pretokenized", forms: [] }, notes: [] };

/**
 * The rows of a file of token ids, which are learnt in its order: micro-batch k is rows k * train.batch on. undefined where rows are text.
 * Throws (data) where ids do not fit, and where the micro-batches that the file names are others.
 */
async function pretokenizedRows(
  { data, objective, train }: Run,
  { tokenizer, known }: Pick<ModelFiles, "tokenizer" | "known">,
): Promise<TokenizedExample[] | undefined> {
  if (data.mixture !== undefined || data.template !== undefined || objective !== "instruction") return undefined;
  const { format, rows } = await openDataset(data.train, {
    format: data.format,
    onBadRow: data.onBadRow,
    encoding: data.encoding,
  });
  if (format.name !== "pretokenized") return undefined;
  const examples: TokenizedExample[] = [];
  let first: number | undefined;
  for await (const row of rows()) {
    if (data.limit !== null && examples.length >= data.limit) break;
    const { example, microBatch } = pretokenizedRow(row, { vocabSize: tokenizer.vocabSize, isCausal: known.kind === "opt" });
    first ??= microBatch;
    const expected = first === undefined ? undefined : first + Math.floor(examples.length / train.batch);
    if (microBatch !== expected)
      throw dataError(
        `${row.where}: is in micro-batch ${microBatch ?? "none"}, with train.batch ${train.batch} it would be in ${expected}`,
      );
    examples.push(example);
  }
  return examples;
}

function idRows(
  examples: readonly TokenizedExample[],
  { tokenizer, known }: Pick<ModelFiles, "tokenizer" | "known">,
): ExampleSource {
  if (known.kind === "opt") return sequences(tokenizer, examples);
  return {
    lengths: examples.map(({ inputIds, labels }) => ({ source: inputIds.length, target: labels.length })),
    example: (index) => examples[index]!,
    collate: (rows, dims) => collate(rows, dims, tokenizer.padId),
    notes: [],
  };
}

/** Examples by index and epoch, with lengths that do not depend on the epoch. */
interface ExampleSource {
  lengths: { source: number; target: number }[];
  example(index: number, epoch: number): TokenizedExample;
  collate(examples: readonly TokenizedExample[], dims: { rows: number; source: number; target: number }): Batch;
  notes: string[];
}

/** What an objective makes of a run's examples; "instruction" differs by the model's kind. */
const SOURCES: Readonly<Record<string, (run: Run, tokenizer: Tokenizer, examples: readonly Example[]) => ExampleSource>> = {
  "t5 instruction": instructions,
  "opt instruction": completions,
  spanCorruption,
  causalLm,
};

function instructions(run: Run, tokenizer: Tokenizer, examples: readonly Example[]): ExampleSource {
  const { maxSource, maxTarget } = run.data;
  const tokenized = examples.map((example) => tokenizeExample(tokenizer, example, { maxSource, maxTarget }));
  const notes: string[] = [];
  const cutSources = tokenized.filter(({ isSourceCut }) => isSourceCut).length;
  const cutTargets = tokenized.filter(({ isTargetCut }) => isTargetCut).length;
  if (cutSources > 0)
    notes.push(`${cutSources} of ${examples.length} prompts are longer than data.maxSource ${maxSource} and lose their end`);
  if (cutTargets > 0)
    notes.push(`${cutTargets} of ${examples.length} completions are longer than data.maxTarget ${maxTarget} and lose their end`);
  return {
    lengths: tokenized.map(({ inputIds, labels }) => ({ source: inputIds.length, target: labels.length })),
    example: (index) => tokenized[index]!,
    collate: (rows, dims) => collate(rows, dims, tokenizer.padId),
    notes,
  };
}

/** Decoder-only: prompt and completion in one sequence of at most maxSource + maxTarget ids, of which the completion is learnt. */
function completions(run: Run, tokenizer: Tokenizer, examples: readonly Example[]): ExampleSource {
  const { maxSource, maxTarget } = run.data;
  const tokenized = examples.map(({ id, prompt, completion }) =>
    promptCompletion(
      id,
      tokenizer.encode(prompt),
      tokenizer.encode(completion, { addSpecialTokens: false }).slice(0, maxTarget - 1),
      tokenizer.eosId,
      maxSource + maxTarget,
    ),
  );
  const cut = tokenized.filter(({ isSourceCut }) => isSourceCut).length;
  const notes =
    cut > 0 ? [`${cut} of ${examples.length} prompts do not fit ${maxSource + maxTarget} tokens and lose their beginning`] : [];
  return { ...sequences(tokenizer, tokenized), notes };
}

/** Decoder-only on plain text: the prompt template makes the text; documents follow one another and are cut into maxSource ids. */
function causalLm(run: Run, tokenizer: Tokenizer, examples: readonly Example[]): ExampleSource {
  const documents = examples.map(({ prompt }) => [...tokenizer.encode(prompt), tokenizer.eosId]);
  const pieces = [...cutStream(documents, run.data.maxSource)];
  return sequences(
    tokenizer,
    pieces.map((ids, index) => causalExample(String(index), ids)),
  );
}

function sequences(tokenizer: Tokenizer, tokenized: readonly TokenizedExample[]): ExampleSource {
  return {
    lengths: tokenized.map(({ inputIds: { length } }) => ({ source: length, target: length })),
    example: (index) => tokenized[index]!,
    collate: (rows, { rows: count, source }) => collateCausal(rows, { rows: count, length: source }, tokenizer.padId),
    notes: [],
  };
}

/** T5's own objective (Raffel et al. 2020): the prompt template makes the text, spans of it are hidden, anew in every epoch. */
function spanCorruption(run: Run, tokenizer: Tokenizer, examples: readonly Example[]): ExampleSource {
  const { sentinelIds } = tokenizer;
  if (!sentinelIds)
    throw dataError("objective: spanCorruption needs a tokenizer with sentinels (<extra_id_0> ...); this one has none");
  const { noiseDensity, meanSpanLength } = run.spanCorruption;
  const noise = { noiseDensity, meanSpanLength, sentinelIds, eosId: tokenizer.eosId };
  const { raw } = rawLength(run.data.maxSource, noise);
  const pieces: number[][] = [];
  let cut = 0;
  for (const { prompt } of examples) {
    const ids = tokenizer.encode(prompt, { addSpecialTokens: false });
    if (ids.length > raw) cut++;
    for (let at = 0; at < ids.length; at += raw) if (ids.length - at >= 8) pieces.push(ids.slice(at, at + raw));
  }
  if (pieces.length === 0) throw dataError(`${run.data.train}: no text of at least 8 tokens to hide spans in`);
  const corrupt = (index: number, epoch: number): TokenizedExample => {
    const random = mt19937(seedFor(run.train.seed, `spans of ${index} in epoch ${epoch}`));
    return { id: String(index), ...corruptSpans(pieces[index]!, random, noise), isSourceCut: false, isTargetCut: false };
  };
  return {
    // the counts of hidden tokens and spans follow from the length alone
    lengths: pieces.map((_, index) => {
      const { inputIds, labels } = corrupt(index, 0);
      return { source: inputIds.length, target: labels.length };
    }),
    example: corrupt,
    collate: (rows, dims) => collate(rows, dims, tokenizer.padId),
    notes: cut > 0 ? [`${cut} of ${examples.length} texts are longer than data.maxSource allows and were divided`] : [],
  };
}
