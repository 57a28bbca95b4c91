// What lies below runs/: the folders of runs, and what their files say. Nothing in them is trusted; a file that is damaged is said to be.
import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { checkpointSteps, isLocked } from "@attune/tuning/node";
import { parseRun } from "../run/load.js";
import type { Run } from "../run/schema.js";
import { redactForms } from "../secrets.js";

export type RunState = "running" | "done" | "stopped" | "begun" | "damaged";

export interface RunRecord {
  /** As it is named on the command line: the path from where one stands. */
  folder: string;
  state: RunState;
  /** null where run.yaml cannot be read; `fault` says why. */
  run: Run | null;
  fault: string | null;
  /** The last update that was reported, and its loss. */
  step: number | null;
  loss: number | null;
  /** result.json, as it is; null before the end. */
  result: Record<string, unknown> | null;
  /** Steps with a checkpoint, ascending. */
  checkpoints: number[];
  /** Step of the best evaluation, whose checkpoint the run will want at its end; null where none is chosen. */
  best: number | null;
  changed: string;
  bytes: RunBytes;
}

/** Bytes on disk by what they are. */
export interface RunBytes {
  total: number;
  checkpoints: number;
  /** Of each checkpoint, in the order of its step. */
  byCheckpoint: number[];
  /** The adapter or the model that came out. */
  result: number;
}

/** Folders of folders of runs (runs/demo/full) are looked into, and nothing below a run. */
const DEPTH = 3;
const MAX_TEXT = 64 << 20;

/** Every run below a folder, by name. A folder that is not there holds none. */
export async function findRuns(root: string): Promise<RunRecord[]> {
  const found: string[] = [];
  const visit = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    if (entries.some(({ name }) => name === "run.yaml")) {
      found.push(folder);
      return;
    }
    if (depth === 0) return;
    for (const entry of entries)
      if (entry.isDirectory() && !entry.name.startsWith(".")) await visit(path.join(folder, entry.name), depth - 1);
  };
  await visit(root, DEPTH);
  return Promise.all(found.sort().map(readRunFolder));
}

export async function readRunFolder(folder: string): Promise<RunRecord> {
  const [yaml, resultText, metrics, checkpoints, locked, changed, bytes] = await Promise.all([
    textOf(path.join(folder, "run.yaml")),
    textOf(path.join(folder, "result.json")),
    textOf(path.join(folder, "metrics.jsonl")),
    checkpointSteps(path.join(folder, "checkpoints")).catch(() => []),
    isLocked(folder),
    lastChange(folder),
    bytesOf(folder),
  ]);
  let run: Run | null = null;
  let fault: string | null = null;
  try {
    if (yaml === null) throw new Error("run.yaml cannot be read");
    run = parseRun(redactForms(yaml), { file: path.join(folder, "run.yaml"), isRecord: true });
  } catch (error) {
    fault = (error as Error).message.split("\n")[0]!;
  }
  const result = objectIn(resultText);
  const best = await bestStep(folder, checkpoints);
  const last = lastMetrics(metrics);
  const state: RunState = locked ? "running" : fault ? "damaged" : result ? "done" : checkpoints.length > 0 ? "stopped" : "begun";
  const step = last?.step ?? (typeof result?.steps === "number" ? result.steps : null);
  return { folder, state, run, fault, step, loss: last?.loss ?? null, result, checkpoints, best, changed, bytes };
}

async function textOf(file: string): Promise<string | null> {
  try {
    const facts = await stat(file);
    return facts.isFile() && facts.size <= MAX_TEXT ? await readFile(file, "utf8") : null;
  } catch {
    return null;
  }
}

function objectIn(text: string | null): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text ?? "");
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** The last line that is whole: a crash may have cut the one after it. */
function lastMetrics(text: string | null): { step: number; loss: number } | null {
  const lines = (text ?? "").trimEnd().split("\n");
  for (let i = lines.length - 1; i >= 0; i--) {
    const { step, loss } = (objectIn(lines[i]!) ?? {}) as { step?: unknown; loss?: unknown };
    if (typeof step === "number" && typeof loss === "number") return { step, loss };
  }
  return null;
}

/** As the newest checkpoint has it (recipes/runFolder.ts). */
async function bestStep(folder: string, checkpoints: readonly number[]): Promise<number | null> {
  const newest = checkpoints.at(-1);
  if (newest === undefined) return null;
  const manifest = objectIn(await textOf(path.join(folder, "checkpoints", checkpointName(newest), "checkpoint.json")));
  const { record } = (manifest ?? {}) as { record?: { progress?: { selection?: { best?: { step?: unknown } | null } } } };
  const step = record?.progress?.selection?.best?.step;
  return typeof step === "number" ? step : null;
}

const checkpointName = (step: number): string => `step-${String(step).padStart(6, "0")}`;

async function lastChange(folder: string): Promise<string> {
  const times = await Promise.all(
    ["run.yaml", "metrics.jsonl", "result.json", "checkpoints"].map((name) =>
      stat(path.join(folder, name)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      ),
    ),
  );
  return new Date(Math.max(...times)).toISOString();
}

async function bytesOf(folder: string): Promise<RunBytes> {
  const checkpoints = path.join(folder, "checkpoints");
  const steps = await checkpointSteps(checkpoints).catch(() => []);
  const byCheckpoint = await Promise.all(steps.map((step) => treeBytes(path.join(checkpoints, checkpointName(step)))));
  const [total, inCheckpoints, adapter, model] = await Promise.all([
    treeBytes(folder),
    treeBytes(checkpoints),
    treeBytes(path.join(folder, "adapter")),
    treeBytes(path.join(folder, "model")),
  ]);
  return { total, checkpoints: inCheckpoints, byCheckpoint, result: adapter + model };
}

/** Bytes of all files below a folder; links are not followed. */
export async function treeBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const sizes = await Promise.all(
    entries.map(async (entry) => {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) return treeBytes(file);
      return entry.isFile()
        ? stat(file)
            .then(({ size }) => size)
            .catch(() => 0)
        : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
