// A run's folder: who writes there, what it holds already, and its checkpoints. A run that goes on is the run that never stopped, bit for
// bit on the same adapter, or it is refused and the difference named.
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { type DeviceFacts, fingerprintOf } from "@attune/kernels-wgsl";
import { listSome, openSafetensors, printable } from "@attune/models";
import { makeFolder } from "@attune/models/node";
import { isHubData, restoreTrainer, saveTrainer, type Trainer, type TrainerCounters } from "@attune/tuning";
import {
  checkpointAt,
  checkpointSteps,
  lockFolder,
  newestCheckpoint,
  pruneCheckpoints,
  type StoredCheckpoint,
  sha256Of,
  writeCheckpoint,
} from "@attune/tuning/node";
import { userError } from "../errors.js";
import type { Run } from "../run/schema.js";
import { BOARD_FOLDER } from "../tensorboard/board.js";
import { fetchHubData, modelFolder } from "./modelFiles.js";
import { NO_PROGRESS, type RunProgress, readProgress } from "./runProgress.js";
import { EVALUATIONS_FOLDER } from "./runRecords.js";

export interface StartOptions {
  /** Go on from the newest checkpoint in the run's folder. */
  resume?: boolean;
  /** Go on although run or data are others than before. */
  allowChanges?: boolean;
  /** Write over another run's results. */
  overwrite?: boolean;
}

/** What a checkpoint keeps of its run, beside the trainer's tensors. */
interface RunRecord {
  counters: TrainerCounters;
  /** What the updates depend on: keys of the run's YAML, and fingerprints of its files. */
  settings: Record<string, unknown>;
  device: { fingerprint: string; variants: unknown };
  progress: RunProgress;
}

export interface RunFolder {
  /** Updates that were done before. */
  readonly startStep: number;
  /** All that updates depend on: keys of the run's YAML, and fingerprints of its files. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What the run had come to then. */
  readonly progress: RunProgress;
  /** Step of the latest checkpoint; null before the first. */
  readonly savedAt: number | null;
  /** Puts the trainer where the checkpoint left it. */
  restore(trainer: Trainer): Promise<void>;
  /** Saves a checkpoint; that of the best evaluation stays whatever save.keep says. A disk that is full is survived twice in a row. */
  save(trainer: Trainer, progress: RunProgress): Promise<void>;
  /** Gives the trainer the weights of a checkpoint; false, with a note, where it is not there or damaged. */
  loadWeights(trainer: Trainer, step: number): Promise<boolean>;
  close(): Promise<void>;
}

/** Most of a file that its fingerprint reads from each end, where it is larger than both. */
const ENDS = 32 << 20;
/** Checkpoints that may fail one after the other before the run is given up. */
const FAILURES = 3;
const DATA_FILES = /^data\.(?:train|validation|mixture\.\d+\.(?:train|validation))$/;
const LEFT_OUT = /^(?:name|out|eval\.first|log\..*|save\..*|train\.logEvery)$/;
/** What evaluations are counts only where they decide about weights or the end. */
const LEFT_OUT_WITHOUT_BEST = /^eval\..*$/;

const checkpointsOf = (run: Run): string => path.join(run.out, "checkpoints");

/**
 * Locks the folder and finds where to start. Throws (usage) where another run's results are there, where nothing is to resume, or where what
 * is to be resumed was another run; (storage) where the folder refuses.
 */
export async function openRunFolder(
  run: Run,
  facts: DeviceFacts,
  { resume = false, allowChanges = false, overwrite = false }: StartOptions,
  note: (line: string) => void,
): Promise<RunFolder> {
  await makeFolder(run.out);
  const unlock = await lockFolder(run.out);
  try {
    const settings = await settingsOf(run);
    const device = { fingerprint: fingerprintOf(facts), variants: facts.tuning?.variants ?? {} };
    const found = resume ? await checkpointToResume(run, { settings, device }, allowChanges, note) : null;
    if (!resume) await begin(run, overwrite);
    let failures = 0;
    let savedAt = found?.step ?? null;
    return {
      startStep: found?.step ?? 0,
      settings,
      progress: found?.record.progress ?? NO_PROGRESS,
      get savedAt() {
        return savedAt;
      },
      async restore(trainer) {
        if (!found) return;
        await restoreTrainer(trainer, await openSafetensors(found.files, "trainer.safetensors"), found.record.counters);
        await trimMetrics(run, found.step, found.record.progress);
        note(`resumed at step ${found.step} from ${found.folder}`);
      },
      async save(trainer, progress) {
        try {
          await writeCheckpoint(checkpointsOf(run), trainer.step, async (sink): Promise<RunRecord> => {
            return { counters: await saveTrainer(trainer, sink), settings, device, progress };
          });
          const { best } = progress.selection;
          await pruneCheckpoints(checkpointsOf(run), run.save.keep, best ? [best.step] : []);
          savedAt = trainer.step;
          failures = 0;
        } catch (error) {
          if ((error as { exitClass?: string }).exitClass !== "storage" || ++failures === FAILURES) throw error;
          note(`no checkpoint at step ${trainer.step}: ${(error as Error).message}; training goes on`);
        }
      },
      async loadWeights(trainer, step) {
        const stored = await checkpointAt<RunRecord>(checkpointsOf(run), step);
        if (typeof stored === "string") {
          note(`the checkpoint of step ${step}, the best, cannot be used (${stored}); the last weights are kept`);
          return false;
        }
        await restoreTrainer(trainer, await openSafetensors(stored.files, "trainer.safetensors"), stored.record.counters);
        return true;
      },
      close: unlock,
    };
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function checkpointToResume(
  run: Run,
  { settings, device }: Pick<RunRecord, "settings" | "device">,
  allowChanges: boolean,
  note: (line: string) => void,
): Promise<StoredCheckpoint<RunRecord>> {
  const found = await newestCheckpoint<RunRecord>(checkpointsOf(run), note);
  if (!found) throw userError("usage", `${run.out}: has no checkpoint to resume from; leave --resume out to start the run`);
  const progress = readProgress(found.record.progress);
  if (!progress)
    throw userError(
      "data",
      `${found.folder}: checkpoint.json does not tell how far the run had come; start anew with --overwrite`,
    );
  const changes = differences(found.record.settings, settings);
  if (changes.length > 0) {
    const line = `${found.folder}: was made by another run: ${listSome(changes)}`;
    if (!allowChanges)
      throw userError("usage", `${line}; undo the change, start anew with --overwrite, or go on with --allow-changes`);
    note(line);
  }
  if (JSON.stringify(found.record.device) !== JSON.stringify(device)) {
    note("resumed on another adapter or with other measured kernels: close to the run before, but not its bits");
  }
  return { ...found, record: { ...found.record, progress } };
}

/** An empty start. Throws (usage) where it would mix two runs. */
async function begin(run: Run, overwrite: boolean): Promise<void> {
  const held = (await readdir(run.out)).filter((name) => name === "metrics.jsonl" || name === "checkpoints");
  if (held.length === 0) return;
  if (!overwrite) {
    const steps = await checkpointSteps(checkpointsOf(run));
    const last = steps.length > 0 ? `a run that has a checkpoint at step ${steps.at(-1)}` : "a run's results";
    throw userError(
      "usage",
      `${run.out}: holds ${last}; go on with --resume, replace it with --overwrite, or name another --out`,
    );
  }
  for (const name of [...held, BOARD_FOLDER, EVALUATIONS_FOLDER])
    await rm(path.join(run.out, name), { recursive: true, force: true });
}

/** Lines of updates after the checkpoint would stand twice, as would evaluations that it does not know; a last line cut short by a crash goes as well. */
async function trimMetrics(run: Run, step: number, { evaluations }: RunProgress): Promise<void> {
  const file = path.join(run.out, "metrics.jsonl");
  const text = await readFile(file, "utf8").catch(() => "");
  const kept = text.split("\n").filter((line) => {
    try {
      const record = JSON.parse(line) as { kind: string; step: number };
      return record.step <= step && (record.kind !== "eval" || evaluations.some((one) => one.step === record.step));
    } catch {
      return false;
    }
  });
  const temporary = `${file}.tmp-${process.pid}`;
  await writeFile(temporary, kept.map((line) => `${line}\n`).join(""));
  await rename(temporary, file);
}

/** All keys of the run that updates depend on, by their dotted names, and what its files are. */
async function settingsOf(run: Run): Promise<Record<string, unknown>> {
  const settings: Record<string, unknown> = {};
  const visit = (value: unknown, name: string): void => {
    if (LEFT_OUT.test(name) || (run.eval.best === null && LEFT_OUT_WITHOUT_BEST.test(name))) return;
    const isPlain = typeof value !== "object" || value === null || (Array.isArray(value) && typeof value[0] !== "object");
    if (isPlain) settings[name] = value;
    else for (const [key, item] of Object.entries(value)) visit(item, name ? `${name}.${key}` : key);
  };
  visit(run, "");
  for (const [key, file] of Object.entries(settings)) {
    if (!DATA_FILES.test(key) || typeof file !== "string") continue;
    settings[key] = isHubData(file) ? `${file}, commit ${(await fetchHubData(file)).commit}` : await fingerprint(file);
  }
  if (run.model.path) {
    const folder = await modelFolder(run.model.path); // of the hub's cache: its name holds the commit
    settings["model.path"] = folder;
    for (const name of (await readdir(folder).catch(() => [])).filter((file) => /\.(safetensors|bin|json)$/.test(file)).sort())
      settings[`model.path/${name}`] = await fingerprint(path.join(folder, name));
  }
  return settings;
}

async function fingerprint(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size <= 2 * ENDS) return `${size} bytes, sha256 ${await sha256Of(file)}`;
  const [head, tail] = [await sha256Of(file, { end: ENDS - 1 }), await sha256Of(file, { start: size - ENDS })];
  return `${size} bytes, sha256 of the ends ${head} ${tail}`;
}

function differences(before: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): string[] {
  const show = (value: unknown): string => (value === undefined ? "nothing" : printable(JSON.stringify(value), 60));
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].sort().flatMap((key) => {
    if (JSON.stringify(before[key]) === JSON.stringify(now[key])) return [];
    if (String(before[key]).includes("sha256")) return [`${key} has other contents`];
    return [`${key} was ${show(before[key])} and is ${show(now[key])}`];
  });
}
