// From a run's files to batches: rows -> examples -> token ids -> a plan of updates. No device yet, so `plan` and bad input are cheap.
import {
  type Batch,
  collatePacked,
  dataError,
  type Example,
  IGNORE_INDEX,
  listSome,
  type PackedExample,
  type PromptTemplate,
  packExamples,
  printable,
  type TokenizedExample,
  usageError,
} from "@attune/models";
import { type BatchPlan, type Format, type MicroBatch, packSequences, planBatches } from "@attune/tuning";
import type { Run } from "../run/schema.js";
import { type ExampleSource, exampleSource, idRows, inTurn } from "./exampleSources.js";
import { readRunExamples } from "./examples.js";
import type { ModelFiles } from "./model.js";
import { pretokenizedRows, readIdRows } from "./pretokenized.js";
import { realBatch } from "./updates.js";

export interface TrainingData {
  /** What is answered, where that is of a few kinds; of the texts of training rows nothing else is kept. */
  answers: AnswerCounts;
  /** Rows whose prompts can be answered. */
  validation: Example[];
  /** All that is evaluated, by the sets of a mixture. */
  held: HeldOut[];
  /** Sequences learnt in an epoch, and their ids without padding. */
  count: number;
  tokens: number;
  /** Sequences whose end token is learnt. */
  endsLearnt: number;
  /** null: a row is a sequence. */
  packing: { rows: number; paddingShareApart: number } | null;
  plan: BatchPlan;
  totalSteps: number;
  /** How rows became prompts: for attune_template.json. */
  template: PromptTemplate;
  /** The first rows as they are learnt in an epoch, the first where none is said. */
  tokenized(rows: number, epoch?: number): TokenizedExample[];
  /** The micro-batches of every update from one on, in order. */
  updates(from?: number): Generator<(Batch & { ids: readonly string[] })[]>;
  notes: string[];
}

/** Validation rows of one task. */
export interface HeldOut {
  /** The set's name in a mixture; null where there is one set. */
  task: string | null;
  /** null: token ids. */
  format: Format | null;
  /** What answers are judged by, where the run says so for this set; and what stands in front of the final answer within one. */
  metric?: string | undefined;
  answerAfter?: string | undefined;
  /** Those with a prompt to answer; the batches may have more. */
  examples: Example[];
  /** In the order of the file, collated as in training. */
  batches: readonly MicroBatch[];
}

export type DataFiles = Pick<ModelFiles, "tokenizer" | "known" | "tokenizerFiles">;

/** Reads and tokenises. Throws (data) naming file and line, and where no row has a label that counts; (usage) for what the model cannot do. */
export async function prepareData(run: Run, files: DataFiles): Promise<TrainingData> {
  const { data, train } = run;
  const idNotes: string[] = [];
  const ids = await pretokenizedRows(run, files, idNotes);
  if (data.packing && files.known.kind !== "opt")
    throw usageError(
      "data.packing: is for decoder-only models; of an encoder-decoder rows of about the same length share a batch",
    );
  if (data.packing && ids) throw usageError("data.packing: rows that are token ids are learnt in the file's own rows");
  const text = ids ? NO_TEXT : await readRunExamples(run, files);
  const source = ids
    ? idRows(ids, files)
    : inTurn([text.examples, ...text.versions].map((examples) => exampleSource(run, files, examples)));
  const count = source.lengths.length;
  if (count === 0) throw dataError(`${data.train}: 0 of ${text.examples.length} rows are left to train on`);
  const { notes, endsLearnt } = labelFacts(run, files, source);
  const order = { batchSize: train.batch, accumulate: train.accumulate, seed: train.seed };
  const packed = data.packing ? packedSource(run, files, source) : null;
  const { lengths, example, collate } = packed ?? source;
  const plan = planBatches(lengths, { ...order, ...(ids ? { order: "sequential" as const } : {}) });
  const packing = packed && { rows: lengths.length, paddingShareApart: planBatches(source.lengths, order).paddingShare() };
  if (packing) {
    const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
    notes.push(
      `packed: ${count} sequences in ${packing.rows} rows; ${percent(plan.paddingShare())} padding, apart it would be ${percent(packing.paddingShareApart)}`,
    );
  }
  notes.push(...realBatch(run, lengths.length, plan.epoch(0).length));
  const totalSteps = train.steps ?? Math.ceil((train.epochs ?? 3) * plan.updatesPerEpoch);
  const isInstruction = run.objective === "instruction";
  const held = await heldOut(run, files, text, ids && idNotes);
  return {
    answers: countAnswers(isInstruction ? text.examples : []),
    validation: held.flatMap(({ examples }) => examples),
    held,
    count,
    tokens: source.lengths.reduce(
      (sum, { source: length, target }) => sum + length + (files.known.kind === "t5" ? target : 0),
      0,
    ),
    endsLearnt,
    packing,
    plan,
    totalSteps,
    template: text.template,
    tokenized: (rows, epoch = 0) => source.lengths.slice(0, rows).map((_, index) => source.example(index, epoch)),
    notes: [...idNotes, ...text.notes, ...source.notes, ...notes],
    *updates(from = 0) {
      let done = from;
      const { updatesPerEpoch } = plan;
      const start = { epoch: Math.floor(from / updatesPerEpoch), update: from % updatesPerEpoch };
      for (const { epoch, batches } of plan.updates(start)) {
        if (done++ >= totalSteps) return;
        yield batches.map(({ examples: indices, source: length, target }) => {
          const rows = indices.map((index) => example(index, epoch));
          return { ...collate(rows, { rows: train.batch, source: length, target }), ids: rows.flatMap(namesOf) };
        });
      }
    },
  };
}

/** By set (null: the only one): how often each answer is learnt; null where there are more than MAX_KINDS. */
export type AnswerCounts = ReadonlyMap<string | null, ReadonlyMap<string, number> | null>;

/** Different answers up to which they may be classes. */
const MAX_KINDS = 64;

export function countAnswers(examples: readonly Pick<Example, "task" | "completion">[]): AnswerCounts {
  const sets = new Map<string | null, Map<string, number> | null>();
  for (const { task = null, completion } of examples) {
    const counts = sets.get(task) ?? (sets.has(task) ? null : new Map<string, number>());
    counts?.set(completion, (counts.get(completion) ?? 0) + 1);
    sets.set(task, counts && counts.size > MAX_KINDS ? null : counts);
  }
  return sets;
}

const NO_TEXT = {
  examples: [],
  versions: [],
  validation: [],
  template: { name: "pretokenized", forms: [] },
  format: null,
  sets: [],
  notes: [],
};

const namesOf = (row: TokenizedExample): readonly string[] => ("ids" in row ? (row as PackedExample).ids : [row.id]);

/** Which rows have labels that count, and which of them end. Throws (data) where none has. */
function labelFacts(
  { data, objective }: Run,
  { tokenizer, known }: DataFiles,
  { lengths, example }: ExampleSource,
): { notes: string[]; endsLearnt: number } {
  if (objective === "spanCorruption") return { notes: [], endsLearnt: lengths.length }; // each is drawn with its end
  const masked: string[] = [];
  let endsLearnt = 0;
  lengths.forEach((_, index) => {
    const { id, labels } = example(index, 0);
    const learnt = known.kind === "t5" ? labels : labels.slice(1); // nothing comes before a decoder's first id
    if (learnt.every((label) => label === IGNORE_INDEX)) masked.push(id);
    if (learnt.includes(tokenizer.eosId)) endsLearnt++;
  });
  const which = listSome(masked.map((id) => printable(id, 80)));
  if (masked.length === lengths.length)
    throw dataError(
      `${data.train}: none of ${lengths.length} rows has a label that counts, so there is nothing to learn: ${which}`,
    );
  if (endsLearnt === 0 && objective === "instruction" && data.requireEnd)
    throw dataError(
      `${data.train}: none of ${lengths.length} answers ends in the end token (id ${tokenizer.eosId}), so the model would never stop; raise data.maxTarget where they are cut, write the id where rows are ids, or set data.requireEnd to false`,
    );
  return {
    notes:
      masked.length > 0
        ? [`${masked.length} of ${lengths.length} rows have no label that counts and weigh nothing: ${which}`]
        : [],
    endsLearnt,
  };
}

/** Several sequences a row, others together in each epoch. */
function packedSource({ data, objective, train }: Run, { tokenizer }: DataFiles, source: ExampleSource): ExampleSource {
  const capacity = objective === "causalLm" ? data.maxSource : data.maxSource + data.maxTarget;
  const lengths = source.lengths.map(({ source: length }) => length);
  const packed = (epoch: number) => packSequences(lengths, capacity, train.seed + epoch);
  let last = { epoch: 0, packing: packed(0) };
  return {
    notes: [],
    lengths: last.packing.lengths.map((length) => ({ source: length, target: length })), // the same in every epoch
    example(row, epoch) {
      if (last.epoch !== epoch) last = { epoch, packing: packed(epoch) };
      return packExamples(last.packing.rows[row]!.map((index) => source.example(index, epoch)));
    },
    collate: (rows, { rows: count, source: length }) =>
      collatePacked(rows as PackedExample[], { rows: count, length }, tokenizer.padId),
  };
}

type TextRows = Pick<Awaited<ReturnType<typeof readRunExamples>>, "validation" | "sets"> | typeof NO_TEXT;

/** @param idNotes of rows that are token ids: where to tell what is left out of them */
async function heldOut(
  run: Run,
  files: DataFiles,
  { validation, sets }: TextRows,
  idNotes: string[] | undefined,
): Promise<HeldOut[]> {
  const isInstruction = run.objective === "instruction";
  if (idNotes) {
    if (run.data.validation === null) return [];
    const rows = await readIdRows(run.data.validation, run, files, { limit: run.eval.rows, notes: idNotes });
    return [{ task: null, format: null, examples: [], batches: batchesOf(run, idRows(rows, files)) }];
  }
  const tasks = [...new Set(validation.map(({ task }) => task ?? null))];
  return tasks.map((task) => {
    const examples = validation.filter((example) => (example.task ?? null) === task);
    const { format = null, metric, answerAfter } = sets.find(({ name }) => (name ?? null) === task) ?? {};
    const batches = batchesOf(run, exampleSource(run, files, examples));
    return { task, format, metric, answerAfter, examples: isInstruction ? examples : [], batches };
  });
}

function batchesOf(run: Run, { lengths, example, collate }: ExampleSource): MicroBatch[] {
  if (lengths.length === 0) return [];
  const { batch } = run.eval;
  const plan = planBatches(lengths, { batchSize: batch, seed: run.train.seed, order: "sequential" });
  return plan.epoch(0).map(({ examples, source, target }) => {
    const rows = examples.map((index) => example(index, 0));
    return { ...collate(rows, { rows: batch, source, target }), ids: rows.flatMap(namesOf) };
  });
}
