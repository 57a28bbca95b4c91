// The evaluation of one model on one task from top to bottom: rows -> prompts -> answers -> records and scores.
import { rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { judge, perplexity, type Sample, type SampleRecord, TASKS, type Task } from "@attune/eval";
import {
  completionIds,
  dataError,
  type Example,
  type FrozenStorage,
  listSome,
  Opt,
  printable,
  type Side,
  scoreCompletions,
  T5,
  usageError,
} from "@attune/models";
import { makeFolder } from "@attune/models/node";
import type { NodeDevice } from "@attune/tensor/node";
import type { Run } from "../run/schema.js";
import { type GenerationFiles, loadGenerator, openGeneration } from "./generate.js";
import { scoreLabels } from "./labels.js";
import { readable } from "./score.js";
import { intervalsOf, type SystemScore } from "./scoreFiles.js";
import { answerAll, type Repeats } from "./summarize.js";
import { readTaskExamples } from "./taskExamples.js";

/** Everything that says what is evaluated. */
export interface Evaluation {
  /** Shown in tables. */
  name: string;
  model: string;
  adapter?: string | undefined;
  /** undefined: what the run's rows are judged by. */
  task: string | undefined;
  /** The run whose rows and prompts these are. */
  run?: Run | undefined;
  /** .jsonl, .csv, .tsv or on the hub; through the run any data file. null: the run's validation rows. */
  data: string | null;
  /** null: the run's, else what lies beside the model's weights where it fits the rows, else the task's own. */
  template: { prompt: string; completion: string } | null;
  /** Of a model that was taught a mixture: the set whose template counts. undefined: the first for rows of this form. */
  taskTemplate?: string | undefined;
  /** Fields that hold references, in place of the completion. */
  referenceFields?: readonly string[] | undefined;
  rows: number;
  batch: number;
  maxSource: number;
  /** The side on which longer prompts are cut; where left out, as the model's kind has it. */
  truncation?: Side | undefined;
  /** null: the task's own. */
  maxNewTokens: number | null;
  /** 1: greedy search. */
  numBeams: number;
  /** Against answers that go round in circles. */
  repeats: Repeats;
  labels?: readonly string[] | undefined;
  /** How a class is chosen: from the text of the answer, or by the probability of each label. */
  method: "generate" | "likelihood";
  shots: number;
  /** Where solved examples come from. */
  shotsFrom?: string | undefined;
  seed: number;
  withPerplexity: boolean;
  storage: FrozenStorage;
}

export interface PreparedEvaluation {
  evaluation: Evaluation;
  task: Task;
  taskName: string;
  /** How rows became prompts. */
  template: string;
  files: GenerationFiles;
  /** Prompts as the model gets them. */
  examples: Example[];
  references: (readonly string[])[];
  labels: readonly string[];
}

export interface EvaluationResult {
  name: string;
  model: string;
  adapter: string | null;
  task: string;
  /** How rows became prompts: a template's name; "own" of the command line, "task" of the task's. */
  template: string;
  method: string;
  numBeams: number;
  shots: number;
  scores: Omit<SystemScore, "system">[];
  distinct: number;
  seconds: number;
  /** Prompts' and answers' tokens; labels' with likelihood. */
  tokensPerSecond: number;
  peakDeviceBytes: number;
  parameters: number;
  trainableParameters: number | null;
  adapterBytes: number | null;
  records: SampleRecord[];
}

/** All that needs no device. Throws (usage, data): nothing of the input is left to find wrong later. */
export async function prepareEvaluation(evaluation: Evaluation): Promise<PreparedEvaluation> {
  if (evaluation.task !== undefined && !Object.hasOwn(TASKS, evaluation.task))
    throw usageError(`no task named ${printable(evaluation.task)}; there are ${Object.keys(TASKS).join(", ")}`);
  const byLikelihood = evaluation.method === "likelihood";
  if (byLikelihood && evaluation.numBeams > 1)
    throw usageError("--num-beams searches for an answer, and --method likelihood only compares those that there are");
  if (byLikelihood && evaluation.task !== undefined) checkHasLabels(evaluation.task);
  const files = await openGeneration(evaluation.model, evaluation.adapter, evaluation.taskTemplate);
  const { task: taskName, template, examples, references } = await readTaskExamples(evaluation, files);
  if (byLikelihood) checkHasLabels(taskName);
  const task = TASKS[taskName]!;
  const labels = task.needsLabels ? (evaluation.labels ?? [...new Set(references.map(([first]) => first!.trim()))].sort()) : [];
  const unknown = task.needsLabels ? references.findIndex(([label]) => !labels.includes(label!.trim())) : -1;
  if (unknown >= 0)
    throw dataError(
      `${evaluation.data ?? evaluation.name}: example ${examples[unknown]!.id} has the label "${printable(references[unknown]![0]!)}", which is not among ${listSome(labels)}`,
    );
  return { evaluation, task, taskName, template, files, examples, references, labels };
}

function checkHasLabels(task: string): void {
  if (!TASKS[task]!.needsLabels) throw usageError(`--method likelihood chooses among labels, and ${task} has none`);
}

/** Answers and scores. The model is gone from the device afterwards. */
export async function evaluate(
  device: NodeDevice,
  prepared: PreparedEvaluation,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<EvaluationResult> {
  const { evaluation, task, taskName, template, files, examples, references, labels } = prepared;
  device.restartPeak();
  const { generator } = await loadGenerator(device, files, evaluation.storage);
  const { model } = generator;
  if (!(model instanceof T5 || model instanceof Opt))
    throw new TypeError("evaluate: the generator's model is neither T5 nor OPT");
  const count = (text: string): number => files.tokenizer.encode(text).length;
  const begin = performance.now();
  const byLikelihood = evaluation.method === "likelihood" ? await likeliest(device, model, prepared, onProgress) : null;
  const outputs =
    byLikelihood?.outputs ??
    (await answerAll(device, model, files.tokenizer, examples, {
      batch: evaluation.batch,
      maxSource: evaluation.maxSource,
      truncation: evaluation.truncation,
      maxNewTokens: evaluation.maxNewTokens ?? task.maxNewTokens,
      numBeams: evaluation.numBeams,
      repeats: evaluation.repeats,
      onProgress,
    }));
  const seconds = (performance.now() - begin) / 1000;
  const answered = outputs.map(readable);
  const samples = examples.map(({ id, prompt }, i): Sample => {
    const [first, ...others] = references[i]!;
    return { id, prompt, reference: others.length > 0 ? references[i]! : first!, output: answered[i]! };
  });
  const measures = task.measures({ labels });
  const judged = judge(measures, samples);
  const scores: EvaluationResult["scores"] = judged.scored.map((scored, k) => ({
    ...scored,
    ...intervalsOf(measures[k]!, judged.statistics[k]!, {}),
  }));
  if (evaluation.withPerplexity) scores.push(await perplexityOf(device, model, prepared));
  const tokens = examples.reduce((sum, { prompt }, i) => sum + count(prompt) + count(outputs[i]!), 0);
  const parameters = [...model.weights.values()].reduce((sum, weight) => sum + weight.size, 0);
  const result: EvaluationResult = {
    name: evaluation.name,
    model: evaluation.model,
    adapter: evaluation.adapter ?? null,
    task: taskName,
    template,
    method: evaluation.method,
    numBeams: evaluation.numBeams,
    shots: evaluation.shots,
    scores,
    distinct: judged.distinct,
    seconds,
    tokensPerSecond: tokens / seconds,
    peakDeviceBytes: device.measured.peakBytes,
    parameters,
    trainableParameters: files.adapter ? (model.options.lora?.parameters.size ?? null) : null,
    adapterBytes: evaluation.adapter === undefined ? null : await adapterBytes(evaluation.adapter),
    records: judged.records.map((record, i) => ({ ...record, ...(byLikelihood && { labelScores: byLikelihood.scores[i]! }) })),
  };
  generator.dispose();
  model.options.lora?.dispose();
  for (const weight of model.weights.values()) weight.dispose();
  return result;
}

/** The most probable label for every example. */
async function likeliest(
  device: NodeDevice,
  model: T5 | Opt,
  { evaluation, files, examples, labels }: PreparedEvaluation,
  onProgress: (done: number, total: number) => void,
): Promise<{ outputs: string[]; scores: Record<string, number>[] }> {
  // after a decoder's prompt a label stands behind a space, as in any text
  const written = model instanceof T5 ? labels : labels.map((label) => ` ${label}`);
  const prompts = examples.map(({ prompt }) => ({ prompt, labels: written }));
  const { batch, maxSource: maxPrompt, truncation } = evaluation;
  const options = { batch, maxPrompt, truncation, onProgress };
  const found = await scoreLabels(device, model, files.tokenizer, prompts, options);
  return {
    outputs: found.map(({ best }) => labels[best]!),
    scores: found.map(({ scores }) => Object.fromEntries(labels.map((label, k) => [label, scores[k]!]))),
  };
}

async function perplexityOf(
  device: NodeDevice,
  model: T5 | Opt,
  { evaluation, files, examples }: PreparedEvaluation,
): Promise<Omit<SystemScore, "system">> {
  const completions = examples.map(({ prompt, completion }) =>
    completionIds(
      model,
      files.tokenizer,
      { prompt, completion },
      { maxPrompt: evaluation.maxSource, truncation: evaluation.truncation },
    ),
  );
  const found = await scoreCompletions(device, model, completions, { batch: evaluation.batch });
  const { perplexity: whole, loss, rows, signature } = perplexity(found.map(({ tokens }) => tokens));
  return {
    metric: "perplexity",
    headline: "perplexity",
    values: { perplexity: whole, loss },
    signature,
    rows: rows.length,
    details: {},
  };
}

/** OUT/eval.json and OUT/samples.jsonl, each whole or not at all: what attune compare reads. */
export async function writeEvaluation(folder: string, { records, ...numbers }: EvaluationResult): Promise<void> {
  await makeFolder(folder);
  const put = async (name: string, text: string) => {
    const temporary = path.join(folder, `.${name}.tmp-${process.pid}`);
    await writeFile(temporary, text);
    await rename(temporary, path.join(folder, name));
  };
  await put("samples.jsonl", records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  await put("eval.json", `${JSON.stringify(numbers, null, 2)}\n`);
}

/** Of the adapter's weights on this disk; null for one that lies elsewhere. */
async function adapterBytes(folder: string): Promise<number | null> {
  for (const name of ["adapter_model.safetensors", "adapter_model.bin"]) {
    const facts = await stat(path.join(folder, name)).catch(() => null);
    if (facts) return facts.size;
  }
  return null;
}
