// Old checkpoints of runs, found and removed. A run that somebody writes to is left alone; what resuming needs stays.
import path from "node:path";
import { lockFolder, pruneCheckpoints } from "@attune/tuning/node";
import type { RunRecord } from "./readRuns.js";

export interface Cleaning {
  folder: string;
  keep: number;
  /** Checkpoints that go, ascending. */
  steps: number[];
  bytes: number;
  /** Why none go. */
  skipped: string | null;
  /** Steps that stay beside the newest: the best evaluation's, of a run that is not done. */
  spared: number[];
}

/** What would go where each run keeps its `keep` newest; 0 is for runs that are done: others could not be resumed. */
export function planCleaning(runs: readonly RunRecord[], keep: number): Cleaning[] {
  return runs.map(({ folder, state, checkpoints, best, bytes }) => {
    const kept = state === "done" ? keep : Math.max(1, keep);
    const count = Math.max(0, checkpoints.length - kept);
    const skipped = state === "running" ? "it is running" : state === "damaged" ? "its run.yaml is damaged" : null;
    const spared = state !== "done" && best !== null ? [best] : [];
    const steps = skipped ? [] : checkpoints.slice(0, count).filter((step) => !spared.includes(step));
    return {
      folder,
      keep: kept,
      steps,
      bytes: steps.reduce((sum, step) => sum + bytes.byCheckpoint[checkpoints.indexOf(step)]!, 0),
      skipped,
      spared,
    };
  });
}

/** Removes what the plan says, under the run's own lock: one that was started in between is skipped, and its reason returned. */
export async function clean(plan: readonly Cleaning[]): Promise<{ folder: string; fault: string }[]> {
  const faults: { folder: string; fault: string }[] = [];
  for (const { folder, keep, steps, spared } of plan) {
    if (steps.length === 0) continue;
    try {
      const unlock = await lockFolder(folder);
      try {
        await pruneCheckpoints(path.join(folder, "checkpoints"), { keep, spared });
      } finally {
        await unlock();
      }
    } catch (error) {
      faults.push({ folder, fault: (error as Error).message });
    }
  }
  return faults;
}
