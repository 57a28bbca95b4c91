// The learning rate over the updates of a run, as transformers has it (optimization.py).

import { usageError } from "@attune/models";

/** transformers' schedules by their course; "constant" has a warm-up where one is asked for. */
export const SCHEDULE_KINDS = [
  "linear",
  "cosine",
  "constant",
  "cosineWithRestarts",
  "cosineWithMinLr",
  "polynomial",
  "inverseSqrt",
  "warmupStableDecay",
] as const;
export type ScheduleKind = (typeof SCHEDULE_KINDS)[number];

export interface Schedule {
  kind: ScheduleKind;
  /** The peak. */
  learningRate: number;
  /** Updates of linear rise from 0. */
  warmupSteps: number;
  /** Updates of the whole run. */
  totalSteps: number;
  /** Of cosineWithRestarts: 1. */
  cycles?: number;
  /** Of polynomial: 1, and the learning rate at the end, 1e-7. */
  power?: number;
  lrEnd?: number;
  /** Of cosineWithMinLr and warmupStableDecay: least factor, 0. */
  minLrRatio?: number;
  /** Of inverseSqrt: updates after which the rate is 1/sqrt(2) of the peak's; the warm-up, or 10,000. */
  timescale?: number;
  /** Of warmupStableDecay: updates of the decay at the end; a tenth of the run. */
  decaySteps?: number;
}

/** A kind's factor after the warm-up: `done` updates are finished, `rest` is what the warm-up leaves of the run. */
type Course = (schedule: Schedule, done: number, rest: number) => number;

const wave = (progress: number): number => Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
const above = (least: number, factor: number): number => factor * (1 - least) + least;

const COURSES: Readonly<Record<ScheduleKind, Course>> = {
  linear: ({ totalSteps }, done, rest) => Math.max(0, (totalSteps - done) / rest),
  cosine: ({ warmupSteps }, done, rest) => wave((done - warmupSteps) / rest),
  constant: () => 1,
  cosineWithRestarts({ warmupSteps, cycles = 1 }, done, rest) {
    const progress = (done - warmupSteps) / rest;
    return progress >= 1 ? 0 : wave((cycles * progress) % 1);
  },
  cosineWithMinLr: ({ warmupSteps, minLrRatio = 0 }, done, rest) => above(minLrRatio, wave((done - warmupSteps) / rest)),
  polynomial({ warmupSteps, totalSteps, learningRate, power = 1, lrEnd = 1e-7 }, done, rest) {
    if (done > totalSteps) return lrEnd / learningRate;
    return ((learningRate - lrEnd) * (1 - (done - warmupSteps) / rest) ** power + lrEnd) / learningRate;
  },
  inverseSqrt: ({ warmupSteps, timescale = warmupSteps || 10_000 }, done) =>
    1 / Math.sqrt((done + timescale - warmupSteps) / timescale),
  warmupStableDecay({ totalSteps, minLrRatio = 0, decaySteps = Math.ceil(totalSteps / 10) }, done) {
    const begin = totalSteps - decaySteps;
    if (done < begin) return 1;
    return done >= totalSteps ? minLrRatio : above(minLrRatio, wave((done - begin) / Math.max(1, decaySteps)));
  },
};

/** Updates of warm-up: a number below 1 is a share of the run, rounded up; from 1 on a count, rounded down. */
export function warmupSteps(warmup: number, totalSteps: number): number {
  if (!(warmup >= 0)) throw usageError(`warmup is ${warmup}; expected a share of the run below 1, or a number of steps`);
  return warmup >= 1 ? Math.floor(warmup) : Math.ceil(totalSteps * warmup);
}

/** Factor of the learning rate once `done` updates are finished: the first update uses factor(0), which is 0 where there is a warm-up. */
export function scheduleFactor(schedule: Schedule, done: number): number {
  const { kind, warmupSteps: warmup, totalSteps } = schedule;
  if (done < warmup) return done / Math.max(1, warmup);
  return COURSES[kind](schedule, done, Math.max(1, totalSteps - warmup));
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
