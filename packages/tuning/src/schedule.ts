// The learning rate over the updates of a run, as transformers has it (optimization.py).

import { usageError } from "@attune/models";

/** What a schedule may be told beyond its warm-up. Which kind takes which: SCHEDULE_OPTIONS. Defaults are transformers'. */
export interface ScheduleOptions {
  /** Waves of the cosine: 0.5, from the peak to the end; of cosineWithRestarts: how often it begins at the peak, 1. */
  cycles?: number;
  /** Least factor of the peak: 0. */
  minLrRatio?: number;
  /** Of polynomial: 1, and the learning rate at the end, 1e-7. */
  power?: number;
  lrEnd?: number;
  /** Of inverseSqrt: updates after which the rate is 1/sqrt(2) of the peak's; the warm-up, or 10,000. */
  timescale?: number;
  /** Of warmupStableDecay: updates of the decay at the end; a tenth of the run. And the courses of its two slopes: linear, cosine. */
  decaySteps?: number;
  warmupType?: Slope;
  decayType?: Slope;
  /** Of cosineWarmupWithMinLr: the factor of the first update; where left out the warm-up rises from 1 / updates of it. */
  warmupLrRatio?: number;
}

/** transformers' schedules and what each may be told; "constant" has a warm-up where one is asked for. */
export const SCHEDULE_OPTIONS = {
  linear: [],
  cosine: ["cycles"],
  constant: [],
  cosineWithRestarts: ["cycles"],
  cosineWithMinLr: ["cycles", "minLrRatio"],
  cosineWarmupWithMinLr: ["cycles", "minLrRatio", "warmupLrRatio"],
  polynomial: ["power", "lrEnd"],
  inverseSqrt: ["timescale"],
  warmupStableDecay: ["cycles", "minLrRatio", "decaySteps", "warmupType", "decayType"],
} as const satisfies Record<string, readonly (keyof ScheduleOptions)[]>;

export type ScheduleKind = keyof typeof SCHEDULE_OPTIONS;
export const SCHEDULE_KINDS = Object.keys(SCHEDULE_OPTIONS) as [ScheduleKind, ...ScheduleKind[]];

export const SLOPES = ["linear", "cosine", "1-sqrt"] as const;
export type Slope = (typeof SLOPES)[number];

export interface Schedule extends ScheduleOptions {
  kind: ScheduleKind;
  /** The peak. */
  learningRate: number;
  /** Updates of linear rise from 0. */
  warmupSteps: number;
  /** Updates of the whole run. */
  totalSteps: number;
}

/** A kind's factor after the warm-up: `done` updates are finished, `rest` is what the warm-up leaves of the run. */
type Course = (schedule: Schedule, done: number, rest: number) => number;

/** From 1 at 0 to 0 at 1, so many times. */
const wave = (progress: number, cycles = 0.5): number => 0.5 * (1 + Math.cos(2 * Math.PI * cycles * progress));
const above = (least: number, factor: number): number => Math.max(0, factor * (1 - least) + least);

const COURSES: Readonly<Record<ScheduleKind, Course>> = {
  linear: ({ totalSteps }, done, rest) => Math.max(0, (totalSteps - done) / rest),
  cosine: ({ warmupSteps, cycles }, done, rest) => Math.max(0, wave((done - warmupSteps) / rest, cycles)),
  constant: () => 1,
  cosineWithRestarts({ warmupSteps, cycles = 1 }, done, rest) {
    const progress = (done - warmupSteps) / rest;
    return progress >= 1 ? 0 : Math.max(0, wave((cycles * progress) % 1));
  },
  cosineWithMinLr: ({ warmupSteps, cycles, minLrRatio = 0 }, done, rest) =>
    above(minLrRatio, wave((done - warmupSteps) / rest, cycles)),
  // one update further on than the other: the last has the least rate
  cosineWarmupWithMinLr: ({ warmupSteps, cycles, minLrRatio = 0 }, done, rest) =>
    above(minLrRatio, wave((done - warmupSteps + 1) / rest, cycles)),
  polynomial({ warmupSteps, totalSteps, learningRate, power = 1, lrEnd = 1e-7 }, done, rest) {
    if (done > totalSteps) return lrEnd / learningRate;
    return ((learningRate - lrEnd) * (1 - (done - warmupSteps) / rest) ** power + lrEnd) / learningRate;
  },
  inverseSqrt: ({ warmupSteps, timescale = warmupSteps || 10_000 }, done) =>
    1 / Math.sqrt((done + timescale - warmupSteps) / timescale),
  warmupStableDecay({ totalSteps, minLrRatio = 0, decaySteps = Math.ceil(totalSteps / 10), decayType = "cosine", cycles }, done) {
    const begin = totalSteps - decaySteps;
    if (done < begin) return 1;
    if (done >= totalSteps) return minLrRatio;
    const progress = (done - begin) / Math.max(1, decaySteps);
    const falls: Readonly<Record<Slope, number>> = {
      linear: 1 - progress,
      cosine: wave(progress, cycles),
      "1-sqrt": 1 - Math.sqrt(progress),
    };
    return above(minLrRatio, falls[decayType]);
  },
};

/** Warm-ups that do not rise in a line from 0. */
const RISES: Partial<Readonly<Record<ScheduleKind, (schedule: Schedule, done: number) => number>>> = {
  cosineWarmupWithMinLr({ warmupSteps, warmupLrRatio: first }, done) {
    if (first === undefined) return (done + 1) / Math.max(1, warmupSteps);
    return first + ((1 - first) * done) / Math.max(1, warmupSteps - 1);
  },
  warmupStableDecay({ warmupSteps, minLrRatio = 0, warmupType = "linear" }, done) {
    const progress = done / Math.max(1, warmupSteps);
    const rises: Readonly<Record<Slope, number>> = {
      linear: progress,
      cosine: 1 - wave(progress),
      "1-sqrt": 1 - Math.sqrt(1 - progress),
    };
    return above(minLrRatio, rises[warmupType]);
  },
};

/** Updates of warm-up: a number below 1 is a share of the run, rounded up; from 1 on a count, rounded down. */
export function warmupSteps(warmup: number, totalSteps: number): number {
  if (!(warmup >= 0)) throw usageError(`warmup is ${warmup}; expected a share of the run below 1, or a number of steps`);
  return warmup >= 1 ? Math.floor(warmup) : Math.ceil(totalSteps * warmup);
}

/** Factor of the learning rate once `done` updates are finished: the first update uses factor(0), which is 0 where there is a plain warm-up. */
export function scheduleFactor(schedule: Schedule, done: number): number {
  const { kind, warmupSteps: warmup, totalSteps } = schedule;
  if (done < warmup) return RISES[kind]?.(schedule, done) ?? done / Math.max(1, warmup);
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
