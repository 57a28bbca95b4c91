// A run as its page shows it, from the files in its folder alone: of one that is done, that was stopped, or that still goes. Nothing in
// them is trusted: what is not as attune train writes it is left out.
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { ABOUT_FILE } from "../recipes/about.js";
import { EVALUATIONS_FOLDER, evaluationFile } from "../recipes/runRecords.js";
import { readRunFolder } from "../runFolders/readRuns.js";
import { redactForms, redactSecrets } from "../secrets.js";

export interface RunReport {
  name: string;
  state: string;
  /** Updates done, and of how many; null where the files do not say. */
  step: number | null;
  totalSteps: number | null;
  /** Of the reports, each a list by what it is of; null where one has none. */
  train: { steps: number[] } & Record<TrainColumn, (number | null)[]>;
  evaluations: EvaluationPoint[];
  /** Of all that was reported, before the run was resumed, too. Tokens are positions, padding included. */
  cost: { trainSeconds: number; tokens: number; evalSeconds: number };
  /** Answers to all validation rows at the end; the first of them. */
  samples: ReportSample[];
  sampleCount: number;
  /** result.json: numbers by name. */
  result: Record<string, unknown> | null;
  /** about.json, as it is. */
  about: Record<string, unknown> | null;
  /** run.yaml. */
  config: string;
  bytes: number;
}

export const TRAIN_COLUMNS = ["loss", "lossEma", "lr", "gradNorm", "tokensPerSecond"] as const;
export type TrainColumn = (typeof TRAIN_COLUMNS)[number];

export interface EvaluationPoint {
  step: number;
  loss: number | null;
  values: Record<string, number | null>;
  samples: ReportSample[];
}

export interface ReportSample {
  id: string;
  prompt: string;
  references: string[];
  output: string;
}

const MAX_POINTS = 2000;
const MAX_SAMPLES = 50;
const MAX_FILE = 64 << 20;

export async function readRunReport(folder: string): Promise<RunReport> {
  const { run, state, step, result, bytes } = await readRunFolder(folder);
  const [metrics, samples, about, config] = await Promise.all(
    ["metrics.jsonl", "samples.jsonl", ABOUT_FILE, "run.yaml"].map((name) => textOf(path.join(folder, name))),
  );
  const records = objectsIn(metrics!);
  const reports = records.filter(({ kind, step: at }) => (kind ?? "train") === "train" && isCount(at));
  const train = thinned(reports);
  const evaluated = records.filter(({ kind, step: at }) => kind === "eval" && isCount(at));
  const facts = objectIn(about!);
  // those of a run that was overwritten are older than it
  const answers = state === "running" && !result ? [] : objectsIn(samples!).flatMap(sampleOf);
  const columns = Object.fromEntries(
    TRAIN_COLUMNS.map((name) => [name, train.map((record) => numberIn(record[name]))]),
  ) as Record<TrainColumn, (number | null)[]>;
  return {
    name: run?.name ?? path.basename(path.resolve(folder)),
    state,
    step,
    totalSteps: isCount(facts?.totalSteps) ? facts.totalSteps : null,
    train: { steps: train.map(({ step: at }) => at as number), ...columns },
    cost: {
      trainSeconds: sumOf(reports, "seconds"),
      tokens: sumOf(reports, "tokens"),
      evalSeconds: sumOf(evaluated, "seconds"),
    },
    evaluations: await Promise.all(evaluated.map((record) => evaluationOf(record, folder))),
    samples: answers.slice(0, MAX_SAMPLES),
    sampleCount: answers.length,
    result,
    about: facts,
    config: redactSecrets(config!),
    bytes: bytes.total,
  };
}

async function evaluationOf(record: Record<string, unknown>, folder: string): Promise<EvaluationPoint> {
  const step = record.step as number;
  const tasks = Object.entries(objectOr(record.tasks)).map(([name, one]) => [`${name} loss`, numberIn(objectOr(one).evalLoss)]);
  const metrics = Object.entries(objectOr(record.metrics)).map(([name, value]) => [name, numberIn(value)]);
  const lines = objectsIn(await textOf(path.join(folder, EVALUATIONS_FOLDER, evaluationFile(step))));
  return {
    step,
    loss: numberIn(record.evalLoss),
    values: Object.fromEntries([...tasks, ...metrics]),
    samples: lines.flatMap(sampleOf).slice(0, MAX_SAMPLES),
  };
}

function sampleOf({ id, prompt, reference, output }: Record<string, unknown>): ReportSample[] {
  const references = (Array.isArray(reference) ? reference : [reference]).filter((text) => typeof text === "string");
  if (typeof id !== "string" || typeof prompt !== "string" || typeof output !== "string") return [];
  // a page is passed on; rows are what they are
  return [{ id, prompt: redactForms(prompt), references: references.map(redactForms), output: redactForms(output) }];
}

const sumOf = (records: readonly Record<string, unknown>[], name: string): number =>
  records.reduce((sum, record) => sum + (numberIn(record[name]) ?? 0), 0);

/** Every so many, and the last: a page of a long run stays small. */
function thinned<Item>(items: readonly Item[]): Item[] {
  const every = Math.ceil(items.length / MAX_POINTS);
  return items.filter((_, i) => i % every === 0 || i === items.length - 1);
}

/** Whole lines that are objects: a run that goes may be writing the last one. */
const objectsIn = (text: string): Record<string, unknown>[] =>
  text.split("\n").flatMap((line) => {
    const found = objectIn(line);
    return found ? [found] : [];
  });

function objectIn(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

async function textOf(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    return size <= MAX_FILE ? await readFile(file, "utf8") : "";
  } catch {
    return "";
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const numberIn = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);
const objectOr = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
