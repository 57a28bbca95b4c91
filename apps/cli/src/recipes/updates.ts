// What a run asks of its updates against how many there are, which only its rows tell: said once the data are read, before a device is opened.
import { usageError } from "@attune/models";
import { warmupSteps } from "@attune/tuning";
import type { Run } from "../run/schema.js";
import type { TrainingData } from "./data.js";

/** Throws (usage) for what can never happen in so many updates, all of it together. */
export function checkUpdates(run: Run, { totalSteps, held }: Pick<TrainingData, "totalSteps" | "held">): void {
  const { every } = run.eval;
  const warmup = warmupSteps(run.train.warmup, totalSteps);
  const faults: string[] = [];
  const updates = `the run has ${totalSteps} ${totalSteps === 1 ? "update" : "updates"}`;
  if (run.train.warmup >= 1 && warmup >= totalSteps)
    faults.push(`train.warmup: is ${warmup} updates, and ${updates}: the learning rate would never be reached`);
  if (every !== null && every > totalSteps && held.length > 0)
    faults.push(
      `eval.every: is ${every} updates, and ${updates}: it would only be evaluated at its end; give a share of the run, such as 0.25, or null`,
    );
  if (faults.length > 0) throw usageError(faults.join("\n"));
}

/**
 * How many rows an update really learns, where that is fewer than the run says.
 * @param rows of an epoch
 * @param batches of an epoch
 */
export function realBatch({ train: { batch, accumulate } }: Pick<Run, "train">, rows: number, batches: number): string[] {
  if (rows < batch)
    return [
      `there are ${rows} rows, fewer than train.batch ${batch}: each update learns ${rows} and computes ${batch - rows} of padding`,
    ];
  if (accumulate > batches)
    return [
      `there are ${batches} batches in an epoch, fewer than train.accumulate ${accumulate}: each update learns ${rows} rows, not ${batch * accumulate}`,
    ];
  return [];
}
