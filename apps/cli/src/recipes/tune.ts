// The whole pipeline of a training run from top to bottom: data, model, training, evaluation, saving. Made to be read.
import { appendFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { TEMPLATE_FILE, writeTemplateFile } from "@attune/models";
import { type Device, ScratchSet } from "@attune/tensor";
import { type OptimizerOptions, type StepReport, scheduleFactor, Trainer, train, warmupSteps } from "@attune/tuning";
import { checkInputs } from "../run/paths.js";
import type { Run } from "../run/schema.js";
import { writeRun } from "../run/write.js";
import { prepareData, type TrainingData } from "./data.js";
import { dropoutOf, type ModelFiles, openModelFiles, openRunModel, type RunModel, saveRunModel } from "./model.js";
import { openRunFolder, type RunFolder, type StartOptions } from "./runFolder.js";
import { readable, type SummaryScores, scoreSummaries } from "./score.js";
import { answerAll } from "./summarize.js";

export interface TuneListener {
  note(text: string): void;
  /** The run goes on after so many updates. */
  resumed?(step: number): void;
  step(report: StepReport, totalSteps: number): void;
  evaluating(done: number, total: number): void;
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
  /** Of the validation set; null without one. */
  scores: SummaryScores | null;
  answers: string[];
  savedTo: string;
  savedBytes: number;
}

/** Everything of a run that needs no device: reading it finds most mistakes before anything is started. */
export interface PreparedRun {
  run: Run;
  files: ModelFiles;
  data: TrainingData;
}

export async function prepareRun(run: Run): Promise<PreparedRun> {
  await checkInputs(run);
  const files = await openModelFiles(run);
  return { run, files, data: await prepareData(run, files) };
}

/** Adafactor as transformers' Trainer has it: the learning rate comes from outside. */
function optimizerOf({ train: { optimizer, weightDecay, clipNorm } }: Run): OptimizerOptions {
  const shared = { weightDecay, clipNorm: clipNorm ?? 0 };
  if (optimizer === "adamw") return { kind: "adamw", ...shared };
  return { kind: "adafactor", ...shared, relativeStep: false, scaleParameter: false };
}

/** A model and its trainer on a device, every program captured: what is allocated here is what the plan shows. */
export interface OpenedRun {
  model: RunModel;
  trainer: Trainer;
  scratch: ScratchSet;
  dispose(): void;
}

export async function openRun(device: Device, { run, files, data }: PreparedRun): Promise<OpenedRun> {
  const model = await openRunModel(device, run, files);
  const scratch = new ScratchSet(device);
  const { lr, schedule, warmup, seed, batch } = run.train;
  const { totalSteps } = data;
  const shape = { kind: schedule, learningRate: lr, warmupSteps: warmupSteps(warmup, totalSteps), totalSteps };
  const trainer = new Trainer(device, {
    model: model.model,
    trainable: model.trainable,
    lora: model.lora,
    optimizer: optimizerOf(run),
    labelSmoothing: run.train.labelSmoothing,
    gradientCheckpointing: run.train.gradientCheckpointing,
    learningRate: (done) => lr * scheduleFactor(shape, done),
    dropout: run.train.dropout ?? dropoutOf(files.known),
    seed,
    scratch,
  });
  trainer.prepare(data.plan.buckets.map(({ source, target }) => ({ rows: batch, source, target })));
  return {
    model,
    trainer,
    scratch,
    dispose() {
      trainer.dispose();
      scratch.dispose();
      model.dispose();
    },
  };
}

/**
 * Trains, evaluates, saves. The run's folder gets run.yaml, metrics.jsonl, checkpoints, samples.jsonl, result.json and the model or adapter.
 * Throws (usage) where the folder is not free for this run (openRunFolder).
 */
export async function tune(
  device: Device,
  prepared: PreparedRun,
  listener: TuneListener,
  { signal, ...start }: StartOptions & { signal?: AbortSignal } = {},
): Promise<TuneResult> {
  const folder = await openRunFolder(prepared.run, device.facts, start, (line) => listener.note(line));
  try {
    return await tuneIn(folder, device, prepared, listener, signal);
  } finally {
    await folder.close();
  }
}

async function tuneIn(
  folder: RunFolder,
  device: Device,
  prepared: PreparedRun,
  listener: TuneListener,
  signal?: AbortSignal,
): Promise<TuneResult> {
  const { run, files, data } = prepared;
  await writeRun(run);
  const metricsFile = path.join(run.out, "metrics.jsonl");

  const opened = await openRun(device, prepared);
  const { model, trainer, scratch } = opened;
  for (const note of [...data.notes, ...model.notes]) listener.note(note);
  await folder.restore(trainer);
  listener.resumed?.(folder.startStep);
  if (folder.startStep >= data.totalSteps)
    listener.note(`nothing is left to train of ${data.totalSteps} updates; evaluated again`);

  const reports: StepReport[] = [];
  const updates = untilAborted(data.updates(folder.startStep), signal);
  const isDue = (step: number): boolean => run.save.every !== null && step % run.save.every === 0;
  for await (const report of train(trainer, updates, { reportEvery: run.train.logEvery, reportAt: isDue })) {
    reports.push(report);
    await appendFile(metricsFile, `${JSON.stringify(report)}\n`);
    listener.step(report, data.totalSteps);
    if (isDue(report.step)) await folder.save(trainer);
  }
  if (signal?.aborted) {
    if (trainer.step === 0 || !isDue(trainer.step)) await folder.save(trainer);
    listener.note(`stopped after step ${trainer.step}; --resume goes on from here`);
  }
  const saved = await saveRunModel(run, model, files);
  if (data.template.forms.length > 0) await writeFile(path.join(saved.folder, TEMPLATE_FILE), writeTemplateFile(data.template));
  signal?.throwIfAborted(); // what was trained so far is saved; evaluation is skipped

  const beforeEval = performance.now();
  const { batch, maxNewTokens } = run.eval;
  const answers = await answerAll(
    device,
    model.model,
    files.tokenizer,
    data.validation,
    { batch, maxNewTokens, maxSource: run.data.maxSource, onProgress: (done, total) => listener.evaluating(done, total) },
    scratch,
  );
  const evalSeconds = (performance.now() - beforeEval) / 1000;
  const trainSeconds = reports.reduce((sum, { seconds }) => sum + seconds, 0);
  const result: TuneResult = {
    parameters: [...model.model.weights.values()].reduce((sum, weight) => sum + weight.size, 0),
    trainableParameters: model.trainable.size,
    steps: trainer.step,
    firstLoss: reports[0]?.loss ?? Number.NaN,
    lastLoss: reports.at(-1)?.loss ?? Number.NaN,
    trainSeconds,
    tokensPerSecond: reports.reduce((sum, { tokens }) => sum + tokens, 0) / trainSeconds,
    evalSeconds,
    peakDeviceBytes: device.memory.peakBytes,
    scores: scoreSummaries(
      data.validation.map(({ completion }) => readable(completion)),
      answers,
    ),
    answers,
    savedTo: saved.folder,
    savedBytes: saved.bytes,
  };
  const samples = data.validation.map((example, i) => ({
    id: example.id,
    prompt: example.prompt,
    reference: readable(example.completion),
    output: answers[i],
  }));
  await writeFile(path.join(run.out, "samples.jsonl"), samples.map((sample) => `${JSON.stringify(sample)}\n`).join(""));
  const { answers: _, ...numbers } = result;
  await writeFile(
    path.join(run.out, "result.json"),
    `${JSON.stringify({ ...numbers, adapter: device.facts.adapter }, null, 2)}\n`,
  );
  opened.dispose();
  return result;
}

function* untilAborted<T>(items: Iterable<T>, signal?: AbortSignal): Generator<T> {
  for (const item of items) {
    if (signal?.aborted) return;
    yield item;
  }
}
