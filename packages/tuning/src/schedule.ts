// The learning rate over the updates of a run, as transformers has it (optimization.py; guide/semantics 5.2 and 5.5).

import { usageError } from "@attune/models";

export type ScheduleKind = "linear" | "cosine" | "constant";

export interface Schedule {
  kind: ScheduleKind;
  /** The peak. */
  learningRate: number;
  /** Updates of linear rise from 0. */
  warmupSteps: number;
  /** Updates of the whole run. */
  totalSteps: number;
}

/** Updates of warm-up: a number below 1 is a share of the run, rounded up; from 1 on a count, rounded down. */
export function warmupSteps(warmup: number, totalSteps: number): number {
  if (!(warmup >= 0)) throw usageError(`warmup is ${warmup}; expected a share of the run below 1, or a number of steps`);
  return warmup >= 1 ? Math.floor(warmup) : Math.ceil(totalSteps * warmup);
}

/**
 * Factor of the learning rate once `done` updates are finished: the first update uses factor(0), which is 0 where there is a warm-up.
 * Linear falls to 0 at totalSteps, cosine follows half a wave to 0, constant stays 1.
 */
export function scheduleFactor({ kind, warmupSteps: warmup, totalSteps }: Schedule, done: number): number {
  if (done < warmup) return done / Math.max(1, warmup);
  if (kind === "constant") return 1;
  const rest = Math.max(1, totalSteps - warmup);
  if (kind === "linear") return Math.max(0, (totalSteps - done) / rest);
  return Math.max(0, 0.5 * (1 + Math.cos((Math.PI * (done - warmup)) / rest)));
}

/** The learning rate of each update, [totalSteps], for a device that looks it up by its own count of good steps. */
export function scheduleTable(schedule: Schedule): Float32Array {
  return Float32Array.from({ length: schedule.totalSteps }, (_, done) => schedule.learningRate * scheduleFactor(schedule, done));
}

/** Updates of an epoch: the last group of micro-batches may be smaller and still steps. */
export function updatesPerEpoch(batches: number, accumulate: number): number {
  return Math.max(1, Math.ceil(batches / accumulate));
}

/** Updates of a run of (possibly broken) epochs. */
export function totalSteps(epochs: number, batches: number, accumulate: number): number {
  return Math.ceil(epochs * updatesPerEpoch(batches, accumulate));
}
