// The whole pipeline of a training run from top to bottom: data, model, training, evaluation, saving. Made to be read.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { TEMPLATE_FILE, writeTemplateFile } from "@attune/models";
import { type Device, ScratchSet } from "@attune/tensor";
import { type OptimizerOptions, Trainer } from "@attune/tuning";
import { crashesGoTo } from "../crash.js";
import { knownPeak } from "../doctor/peak.js";
import { checkInputs } from "../run/paths.js";
import type { Run } from "../run/schema.js";
import { writeRun } from "../run/write.js";
import { writeAbout } from "./about.js";
import { answeredSamples, sampleLines } from "./answers.js";
import { prepareData, type TrainingData } from "./data.js";
import { checkDisk, type DiskSizes } from "./diskCheck.js";
import { type AnswerScores, type EvaluationPlan, type EvaluationRecord, planEvaluations, RunEvaluator } from "./evaluations.js";
import { type LearningRate, learningRateOf } from "./learningRate.js";
import { dropoutOf, type ModelFiles, openModelFiles, openRunModel, type RunModel, saveRunModel } from "./model.js";
import { openRunFolder, type RunFolder, type StartOptions } from "./runFolder.js";
import { runLoop } from "./runLoop.js";
import type { TrainRecord } from "./runProgress.js";
import { checkUpdates } from "./updates.js";

export interface TuneListener {
  note(text: string): void;
  /** The run goes on after so many updates. */
  resumed?(step: number): void;
  step(record: TrainRecord, totalSteps: number): void;
  evaluating(done: number, total: number): void;
  evaluated?(record: EvaluationRecord, isBest: boolean): void;
}

export interface TuneResult {
  parameters: number;
  trainableParameters: number;
  steps: number;
  /** Mean loss of the first and of the last report. */
  firstLoss: number;
  lastLoss: number;
  trainSeconds: number;
  tokensPerSecond: number;
  evalSeconds: number;
  /** Device memory at its peak, as the engine counts it. */
  peakDeviceBytes: number;
  /** All evaluations on the way, with the losses. */
  evaluations: EvaluationRecord[];
  /** The update whose weights are saved: the last, or that of the best evaluation; and what it was chosen by. */
  keptStep: number;
  best: { name: string; step: number; value: number } | null;
  /** Of all validation answers, by the sets of a mixture; empty without any. */
  scores: AnswerScores[];
  answers: string[];
  savedTo: string;
  savedBytes: number;
}

/** Everything of a run that needs no device: reading it finds most mistakes before anything is started. */
export interface PreparedRun {
  run: Run;
  files: ModelFiles;
  data: TrainingData;
  evaluations: EvaluationPlan;
}

export async function prepareRun(run: Run): Promise<PreparedRun> {
  await checkInputs(run);
  const files = await openModelFiles(run);
  const data = await prepareData(run, files);
  checkUpdates(run, data);
  return { run, files, data, evaluations: planEvaluations(run, data) };
}

/** Adafactor as transformers' Trainer has it, unless the run says otherwise: the learning rate comes from outside. */
export function optimizerOf({ train }: Pick<Run, "train">): OptimizerOptions {
  const { optimizer, weightDecay, clipNorm, adam = {}, adafactor = {} } = train;
  const shared = { weightDecay, clipNorm: clipNorm ?? 0 };
  if (optimizer === "adamw") return { kind: "adamw", ...shared, ...defined(adam) };
  return { kind: "adafactor", ...shared, relativeStep: false, scaleParameter: false, ...defined(adafactor) };
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };
const defined = <T extends object>(options: T): Defined<T> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<T>;

/** A model and its trainer on a device, every program captured: what is allocated here is what the plan shows. */
export interface OpenedRun {
  model: RunModel;
  trainer: Trainer;
  evaluator: RunEvaluator;
  rate: LearningRate;
  scratch: ScratchSet;
  dispose(): void;
}

export async function openRun(device: Device, { run, files, data, evaluations }: PreparedRun): Promise<OpenedRun> {
  const model = await openRunModel(device, run, files);
  const scratch = new ScratchSet(device);
  const { seed, batch } = run.train;
  const rate = learningRateOf(run, data.totalSteps, evaluations);
  const trainer = new Trainer(device, {
    model: model.model,
    trainable: model.trainable,
    lora: model.lora,
    optimizer: optimizerOf(run),
    labelSmoothing: run.train.labelSmoothing,
    gradientCheckpointing: run.train.gradientCheckpointing,
    learningRate: rate.at,
    skipNonFinite: run.train.skipNonFinite === undefined ? "halt" : true,
    dropout: run.train.dropout ?? dropoutOf(files.known),
    // torch.amp.GradScaler's defaults: 65536, twice after 2000 good updates, half where a gradient overflows
    lossScale: run.train.precision === "f16" ? {} : null,
    seed,
    scratch,
  });
  const hasSegments = data.packing !== null;
  trainer.prepare(data.plan.buckets.map(({ source, target }) => ({ rows: batch, source, target, hasSegments })));
  const evaluator = new RunEvaluator(device, run, files, data, evaluations, model.model, scratch);
  return {
    model,
    trainer,
    evaluator,
    rate,
    scratch,
    dispose() {
      evaluator.dispose();
      trainer.dispose();
      scratch.dispose();
      model.dispose();
    },
  };
}

/** What a run writes, as its trainer has it. */
function diskSizes(model: RunModel, trainer: Trainer, updates: number): DiskSizes {
  const checkpointBytes = trainer.stored.reduce((sum, { storage }) => sum + storage.bytes, 0);
  return { checkpointBytes, parameters: parametersOf(model), trainableParameters: model.trainable.size, updates };
}

const parametersOf = ({ model }: RunModel): number => [...model.weights.values()].reduce((sum, { size }) => sum + size, 0);

export interface TuneOptions extends StartOptions {
  signal?: AbortSignal;
  /** On the disk of the run's folder; by default what the system says. */
  freeBytes?: number;
}

/**
 * Trains, evaluates, saves. The run's folder gets run.yaml, about.json, metrics.jsonl, tensorboard, checkpoints, samples.jsonl, result.json and the model or adapter.
 * Throws (usage) where the folder is not free for this run (openRunFolder), (storage) where its disk has no room (checkDisk).
 */
export async function tune(
  device: Device,
  prepared: PreparedRun,
  listener: TuneListener,
  { signal, freeBytes, ...start }: TuneOptions = {},
): Promise<TuneResult> {
  const folder = await openRunFolder(prepared.run, device.facts, start, (line) => listener.note(line));
  try {
    const result = await tuneIn(folder, device, prepared, listener, { signal, freeBytes });
    crashesGoTo(null);
    return result;
  } finally {
    await folder.close();
  }
}

async function tuneIn(
  folder: RunFolder,
  device: Device,
  prepared: PreparedRun,
  listener: TuneListener,
  options: Pick<TuneOptions, "signal" | "freeBytes">,
): Promise<TuneResult> {
  await writeRun(prepared.run);
  await writeAbout(prepared, device.facts, folder.startStep, folder.settings);
  const facts = (): Record<string, unknown> => ({ adapter: device.facts.adapter, precision: prepared.run.train.precision });
  crashesGoTo({ folder: prepared.run.out, facts });
  const opened = await openRun(device, prepared);
  crashesGoTo({ folder: prepared.run.out, facts: () => ({ ...facts(), step: opened.trainer.step, savedAt: folder.savedAt }) });
  try {
    return await tuneOpened(folder, device, prepared, opened, listener, options);
  } finally {
    opened.dispose();
  }
}

async function tuneOpened(
  folder: RunFolder,
  device: Device,
  prepared: PreparedRun,
  { model, trainer, evaluator, rate }: OpenedRun,
  listener: TuneListener,
  { signal, freeBytes }: Pick<TuneOptions, "signal" | "freeBytes">,
): Promise<TuneResult> {
  const { run, files, data, evaluations: plan } = prepared;
  for (const note of [...data.notes, ...model.notes]) listener.note(note);
  await checkDisk(run, diskSizes(model, trainer, data.totalSteps), (line) => listener.note(line), freeBytes);
  folder.progress.evaluations.forEach(rate.judge);
  await folder.restore(trainer);
  listener.resumed?.(folder.startStep);
  if (folder.startStep >= data.totalSteps)
    listener.note(`nothing is left to train of ${data.totalSteps} updates; evaluated again`);

  const peakFlops = await knownPeak(device.facts);
  const { records, progress } = await runLoop({ prepared, folder, trainer, evaluator, rate, plan, listener, peakFlops, signal });
  const steps = trainer.step;
  const { best } = progress.selection;
  const hasBetter = !signal?.aborted && best !== null && best.step !== steps && (await folder.loadWeights(trainer, best.step));
  if (hasBetter)
    listener.note(
      `the weights of step ${best.step} are kept: its ${plan.best!.name} of ${best.value.toPrecision(4)} is the best`,
    );

  const saved = await saveRunModel(run, model, files);
  if (data.template.forms.length > 0) await writeFile(path.join(saved.folder, TEMPLATE_FILE), writeTemplateFile(data.template));
  signal?.throwIfAborted(); // what was trained so far is saved; evaluation is skipped

  const beforeAnswers = performance.now();
  const asked = { signal, onProgress: listener.evaluating };
  const { answers, scores, examples } = await evaluator.answer(data.validation.length, asked).catch(async (error: unknown) => {
    // interrupted: what is left can be done by --resume, even where only interruptions save
    if (signal?.aborted && !hasBetter && folder.savedAt !== steps) await folder.save(trainer, progress);
    throw error;
  });
  const answerSeconds = (performance.now() - beforeAnswers) / 1000;
  const trainSeconds = records.reduce((sum, { seconds }) => sum + seconds, 0);
  const result: TuneResult = {
    parameters: parametersOf(model),
    trainableParameters: model.trainable.size,
    steps,
    firstLoss: records[0]?.loss ?? Number.NaN,
    lastLoss: records.at(-1)?.loss ?? Number.NaN,
    trainSeconds,
    tokensPerSecond: records.reduce((sum, { tokens }) => sum + tokens, 0) / trainSeconds,
    evalSeconds: progress.evaluations.reduce((sum, { seconds }) => sum + seconds, answerSeconds),
    peakDeviceBytes: device.memory.peakBytes,
    evaluations: progress.evaluations,
    keptStep: hasBetter ? best.step : steps,
    best: plan.best && best && { name: plan.best.name, ...best },
    scores,
    answers,
    savedTo: saved.folder,
    savedBytes: saved.bytes,
  };
  await writeFile(path.join(run.out, "samples.jsonl"), sampleLines(answeredSamples(examples, answers)));
  const { answers: _, ...numbers } = result;
  await writeFile(
    path.join(run.out, "result.json"),
    `${JSON.stringify({ ...numbers, adapter: device.facts.adapter }, null, 2)}\n`,
  );
  return result;
}
