// A run's folder: who writes there, what it holds already, and its checkpoints. A run that goes on is the run that never stopped, bit for
// bit on the same adapter, or it is refused and the difference named.
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { type DeviceFacts, fingerprintOf } from "@attune/kernels-wgsl";
import { listSome, openSafetensors, printable } from "@attune/models";
import { makeFolder } from "@attune/models/node";
import { restoreTrainer, saveTrainer, type Trainer, type TrainerCounters } from "@attune/tuning";
import {
  checkpointAt,
  checkpointSteps,
  lockFolder,
  newestCheckpoint,
  pruneCheckpoints,
  type StoredCheckpoint,
  writeCheckpoint,
} from "@attune/tuning/node";
import { CRASH_FILE } from "../crash.js";
import { userError } from "../errors.js";
import type { Run } from "../run/schema.js";
import { BOARD_FOLDER } from "../tensorboard/board.js";
import { ABOUT_FILE } from "./about.js";
import { NO_PROGRESS, type RunProgress, readProgress } from "./runProgress.js";
import { EVALUATIONS_FOLDER } from "./runRecords.js";
import { differences, settingsOf } from "./runSettings.js";

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
  /**
   * Saves a checkpoint; that of the best evaluation stays whatever save.keep says. False, with a note, where the disk refuses; throws (storage)
   * when it does so for the third time in a row.
   */
  save(trainer: Trainer, progress: RunProgress): Promise<boolean>;
  /** Gives the trainer the weights of a checkpoint; false, with a note, where it is not there or damaged. */
  loadWeights(trainer: Trainer, step: number): Promise<boolean>;
  close(): Promise<void>;
}

/** Checkpoints that may fail one after the other before the run is given up. */
const FAILURES = 3;

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
        await rm(path.join(run.out, "result.json"), { force: true }); // of an end that is not the end any more
        note(`resumed at step ${found.step} from ${found.folder}`);
      },
      async save(trainer, progress) {
        try {
          await writeCheckpoint(checkpointsOf(run), trainer.step, async (sink): Promise<RunRecord> => {
            return { counters: await saveTrainer(trainer, sink), settings, device, progress };
          });
        } catch (error) {
          const { exitClass, message } = error as Error & { exitClass?: string };
          if (exitClass !== "storage") throw error;
          if (++failures === FAILURES)
            throw userError("storage", `${message}; ${FAILURES} checkpoints in a row could not be saved`, error);
          note(`no checkpoint at step ${trainer.step}: ${message}; the run goes on`);
          return false;
        }
        savedAt = trainer.step;
        failures = 0;
        const { best } = progress.selection;
        await pruneCheckpoints(checkpointsOf(run), {
          keep: run.save.keep,
          newest: savedAt,
          spared: best ? [best.step] : [],
        }).catch(({ message }: Error) => note(`older checkpoints could not be removed: ${printable(message, 200)}`));
        return true;
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
  const otherBits = deviceChange(found.record.device, device);
  if (otherBits) note(`resumed ${otherBits}: close to the run before, but not its bits`);
  return { ...found, record: { ...found.record, progress } };
}

/** Why a run's bits change between two devices, or null: another adapter, or other measured kernels (ATTUNE_TUNED) on the same. */
function deviceChange(before: RunRecord["device"], now: RunRecord["device"]): string | null {
  if (before?.fingerprint !== now.fingerprint) return "on another adapter or driver";
  const [was, is] = [before.variants, now.variants].map((variants) => new Map(Object.entries(variants ?? {})));
  const others = [...new Set([...was!.keys(), ...is!.keys()])].filter((key) => was!.get(key) !== is!.get(key));
  if (others.length === 0) return null;
  return `with other measured kernels (ATTUNE_TUNED) for ${listSome(others)}`;
}

/** What a run leaves in its folder; that of the first list is never replaced unasked. */
const RESULTS = ["metrics.jsonl", "checkpoints", "adapter", "model", "result.json", "samples.jsonl"];
const BESIDE = [BOARD_FOLDER, EVALUATIONS_FOLDER, ABOUT_FILE, "report.html", CRASH_FILE];

/** An empty start. Throws (usage) where it would mix two runs, or remove what the run itself reads. */
async function begin(run: Run, overwrite: boolean): Promise<void> {
  const names = await readdir(run.out);
  const held = RESULTS.filter((name) => names.includes(name));
  if (held.length > 0 && !overwrite) {
    const last = (await checkpointSteps(checkpointsOf(run))).at(-1);
    const what = last === undefined ? `${listSome(held)} already` : `a run that has a checkpoint at step ${last}`;
    const goOn = last === undefined ? "" : "go on with --resume, ";
    throw userError("usage", `${run.out}: holds ${what}; ${goOn}replace it with --overwrite, or name another --out`);
  }
  const gone = [...held, ...BESIDE].map((name) => path.join(run.out, name));
  const input = inputsOf(run).find((file) => gone.some((one) => isWithin(one, file)));
  if (input !== undefined)
    throw userError("usage", `${input}: is read by this run and would be removed with what ${run.out} holds; name another --out`);
  for (const one of gone) await rm(one, { recursive: true, force: true });
}

/** Files and folders that a run names; those of the hub are told by no path. */
function inputsOf({ model, data }: Run): string[] {
  const sets = [data, ...(data.mixture ?? [])].flatMap(({ train, validation }) => [train, validation]);
  return [model.path, model.init?.tokenizer, ...sets].filter((name) => typeof name === "string");
}

function isWithin(folder: string, file: string): boolean {
  const between = path.relative(path.resolve(folder), path.resolve(file));
  return between === "" || !(between.startsWith("..") || path.isAbsolute(between));
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
