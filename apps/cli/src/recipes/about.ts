// about.json in a run's folder: where it ran, by which program, and what its data is like. Written when a run starts, for its report.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { DeviceFacts } from "@attune/kernels-wgsl";
import { IGNORE_INDEX } from "@attune/models";
import { inspectMachine } from "../doctor/machine.js";
import { writeText } from "../report/writeText.js";
import { redactSecrets } from "../secrets.js";
import type { AnswerCounts } from "./data.js";
import { readable } from "./score.js";
import type { PreparedRun } from "./tune.js";

export const ABOUT_FILE = "about.json";

export interface About {
  started: string;
  /** Updates that were done before, where the run was resumed. */
  startStep: number;
  totalSteps: number;
  environment: Environment;
  data: DataCard;
}

export interface Environment {
  attune: string;
  /** Of a checkout; null for an installed package. */
  commit: string | null;
  node: string;
  /** Of Dawn's npm package: kernels are compiled by it. */
  webgpu: string;
  platform: string;
  processors: string;
  adapter: DeviceFacts["adapter"];
  isSoftware: boolean;
}

export interface DataCard {
  examples: number;
  /** Ids of an epoch, without padding. */
  tokens: number;
  validation: number;
  /** Examples whose end token is learnt. */
  endsLearnt: number;
  /** Least, median, 95th of a hundred and most ids, over the first examples; null without any. */
  lengths: { rows: number; input: Quantiles; labels: Quantiles } | null;
  /** Examples of each answer, the most frequent first; null where answers are no classes. */
  labels: { name: string; count: number }[] | null;
  notes: string[];
  /** Files and what they held: fingerprints, as checkpoints keep them. */
  files: Record<string, string>;
}

export interface Quantiles {
  min: number;
  median: number;
  p95: number;
  max: number;
}

/** Rows that lengths are measured on: enough to know, and no second pass over a large set. */
const MEASURED_ROWS = 2000;
const MAX_CLASSES = 32;

/** @param settings what the run depends on, with fingerprints of its files (runFolder) */
export async function writeAbout(
  { run, data }: PreparedRun,
  facts: DeviceFacts,
  startStep: number,
  settings: Readonly<Record<string, unknown>>,
): Promise<void> {
  const about: About = {
    started: new Date().toISOString(),
    startStep,
    totalSteps: data.totalSteps,
    environment: await environmentOf(facts),
    data: {
      examples: data.count,
      tokens: data.tokens,
      validation: data.validation.length,
      endsLearnt: data.endsLearnt,
      lengths: lengthsOf(data),
      labels: classesOf(data.answers),
      notes: data.notes,
      files: Object.fromEntries(
        Object.entries(settings).filter((entry): entry is [string, string] => /sha256|, commit /.test(String(entry[1]))),
      ),
    },
  };
  await writeText(path.join(run.out, ABOUT_FILE), redactSecrets(`${JSON.stringify(about, null, 2)}\n`));
}

async function environmentOf({ adapter, isSoftware }: DeviceFacts): Promise<Environment> {
  const here = fileURLToPath(new URL("../../", import.meta.url));
  const manifest = JSON.parse(await readFile(path.join(here, "package.json"), "utf8")) as { version: string };
  const commit = await promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd: here, timeout: 5000 }).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
  const { node, platform, processors } = await inspectMachine();
  // a package within somebody's repository would give that one's commit
  return {
    attune: manifest.version,
    commit: here.includes("node_modules") ? null : commit,
    node,
    webgpu: await webgpuVersion(),
    platform,
    processors,
    adapter,
    isSoftware,
  };
}

/** Read from beside its entry: the command line depends on it, and it is loaded by now. */
async function webgpuVersion(): Promise<string> {
  const entry = createRequire(import.meta.url).resolve("webgpu");
  return (JSON.parse(await readFile(path.join(path.dirname(entry), "package.json"), "utf8")) as { version: string }).version;
}

function lengthsOf(data: PreparedRun["data"]): DataCard["lengths"] {
  const rows = data.tokenized(MEASURED_ROWS);
  if (rows.length === 0) return null;
  return {
    rows: rows.length,
    input: quantilesOf(rows.map(({ inputIds }) => inputIds.length)),
    labels: quantilesOf(rows.map(({ labels }) => labels.filter((id) => id !== IGNORE_INDEX).length)),
  };
}

/** Nearest rank. */
export function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
  return { min: sorted[0]!, median: at(0.5), p95: at(0.95), max: sorted.at(-1)! };
}

/** Answers that repeat are classes: few of them, each short and several times over. */
export function classesOf(answers: AnswerCounts): DataCard["labels"] {
  const counts = new Map<string, number>();
  for (const set of answers.values()) {
    if (set === null) return null;
    for (const [answer, count] of set) counts.set(readable(answer), (counts.get(readable(answer)) ?? 0) + count);
  }
  const rows = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (counts.size < 2 || counts.size > MAX_CLASSES || rows < 2 * counts.size) return null;
  return [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => b.count - a.count);
}
