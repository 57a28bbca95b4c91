// What a run may say of its optimizer and its learning rate beyond the plain keys: groups that may be left out, and the contradictions
// between them. Keys that are left out stay out, so that checkpoints of before know of none.
import {
  FOLLOWING_DEFAULTS,
  FOLLOWING_KINDS,
  FOLLOWING_OPTIONS,
  type FollowingKind,
  SCHEDULE_KINDS,
  SCHEDULE_OPTIONS,
  type ScheduleOptions,
  SLOPES,
  THRESHOLD_MODES,
} from "@attune/tuning";
import { z } from "zod";

const share = z.number().min(0).lt(1);

/** Fixed before the run, or following its evaluations. */
const KINDS = [...SCHEDULE_KINDS, ...FOLLOWING_KINDS] as const;
export type RunSchedule = (typeof KINDS)[number];
const OPTIONS: Readonly<Record<RunSchedule, readonly string[]>> = { ...SCHEDULE_OPTIONS, ...FOLLOWING_OPTIONS };

export const schedule = z.enum(KINDS).default("cosine");

/** Whether the learning rate follows evaluations. */
export const isFollowing = (kind: RunSchedule): kind is FollowingKind => Object.hasOwn(FOLLOWING_OPTIONS, kind);

/** Of the schedule; each kind takes some of them. */
export const scheduleOptions = z
  .strictObject({
    cycles: z.number().gt(0),
    /** The least learning rate, itself or as a share of train.lr. */
    minLr: z.number().min(0),
    minLrRatio: share,
    power: z.number().gt(0),
    lrEnd: z.number().min(0),
    timescale: z.int().min(1),
    decaySteps: z.int().min(1),
    warmupType: z.enum(SLOPES),
    decayType: z.enum(SLOPES),
    warmupLrRatio: share,
    factor: z.number().gt(0).lt(1),
    /** Evaluations. */
    patience: z.int().min(0),
    threshold: z.number().min(0),
    thresholdMode: z.enum(THRESHOLD_MODES),
    /** Evaluations. */
    cooldown: z.int().min(0),
    maxLr: z.number().gt(0),
    /** Evaluations. */
    warmup: z.int().min(0),
    windowSize: z.int().min(1),
    resetStart: z.int().min(1),
  })
  .partial();

export const adam = z.strictObject({ beta1: share, beta2: share, eps: z.number().gt(0) }).partial();

export const adafactor = z
  .strictObject({
    /** Multiplies the learning rate by the size of each parameter. */
    scaleParameter: z.boolean(),
    /** A learning rate of its own, min(1e-2, 1/sqrt(update)), instead of train.lr. */
    relativeStep: z.boolean(),
    /** With relativeStep: from 1e-6 x update on. */
    warmupInit: z.boolean(),
  })
  .partial();

/** Updates whose gradient is not finite that are passed over; as many as the device can tell apart. */
export const skipNonFinite = z.int().min(1).max(511);

interface Optimization {
  lr?: number | undefined;
  steps?: number | undefined;
  optimizer: "adamw" | "adafactor";
  schedule: RunSchedule;
  scheduleOptions?: z.output<typeof scheduleOptions> | undefined;
  adam?: z.output<typeof adam> | undefined;
  adafactor?: z.output<typeof adafactor> | undefined;
  precision: string;
  skipNonFinite?: number | undefined;
}

/** Calls `refuse` for each pair of values that cannot both be meant. */
export function refuseOptimizationContradictions(train: Optimization, refuse: (path: string, message: string) => void): void {
  const { optimizer, schedule: kind, scheduleOptions: options = {} } = train;
  const takes = (one: RunSchedule, key: string): boolean =>
    OPTIONS[one].includes(key) || (key === "minLr" && OPTIONS[one].includes("minLrRatio"));
  for (const key of Object.keys(options)) {
    if (takes(kind, key)) continue;
    refuse(
      `train.scheduleOptions.${key}`,
      `is for ${KINDS.filter((one) => takes(one, key)).join(" or ")}, and train.schedule is ${kind}`,
    );
  }
  const { minLr, minLrRatio } = options;
  const hasLeast = minLr !== undefined || minLrRatio !== undefined;
  if (minLr !== undefined && minLrRatio !== undefined)
    refuse("train.scheduleOptions.minLrRatio", "stands beside minLr: both say the least learning rate");
  if (/MinLr$/.test(kind) && !hasLeast)
    refuse("train.schedule", `is ${kind}: say how low in train.scheduleOptions, minLr or minLrRatio`);
  if (isFollowing(kind)) refuseFollowing(train, kind, refuse);
  const { lr = Number.POSITIVE_INFINITY } = train;
  for (const key of ["minLr", "lrEnd"] as const)
    if ((options[key] ?? Number.NEGATIVE_INFINITY) >= lr)
      refuse(`train.scheduleOptions.${key}`, `is ${options[key]}, and the peak is train.lr, ${lr}`);
  if (optimizer !== "adamw" && train.adam) refuse("train.adam", `is for adamw, and train.optimizer is ${optimizer}`);
  if (optimizer !== "adafactor" && train.adafactor)
    refuse("train.adafactor", `is for adafactor, and train.optimizer is ${optimizer}`);
  const { relativeStep = false, warmupInit = false } = train.adafactor ?? {};
  if (relativeStep && train.lr !== undefined)
    refuse("train.lr", "stands beside train.adafactor.relativeStep, which makes a learning rate of its own");
  if (warmupInit && !relativeStep) refuse("train.adafactor.warmupInit", "is part of relativeStep: set that to true as well");
  if (train.skipNonFinite !== undefined && train.precision === "f16")
    refuse("train.skipNonFinite", "has no meaning with precision f16, whose loss scale passes such updates over anyway");
}

function refuseFollowing(
  { lr, scheduleOptions: options = {}, adafactor }: Optimization,
  kind: FollowingKind,
  refuse: (path: string, message: string) => void,
): void {
  if (adafactor?.relativeStep)
    refuse("train.schedule", `is ${kind}, and train.adafactor.relativeStep makes a learning rate of its own`);
  const { minLr } = { ...FOLLOWING_DEFAULTS[kind], ...options };
  if (options.minLr === undefined && lr !== undefined && minLr >= lr)
    refuse("train.scheduleOptions.minLr", `is ${minLr} where it is left out, and train.lr is ${lr}: say how low it may fall`);
  const { maxLr } = options;
  if (maxLr !== undefined && lr !== undefined && maxLr < lr)
    refuse("train.scheduleOptions.maxLr", `is ${maxLr}, and the run begins at train.lr, ${lr}`);
}

/** As a schedule that is fixed before the run takes them: shares of the peak. */
export function scheduleOptionsOf({ scheduleOptions: options = {} }: Optimization, lr: number): ScheduleOptions {
  const { minLr, ...same } = options;
  return minLr === undefined ? (same as ScheduleOptions) : ({ ...same, minLrRatio: minLr / lr } as ScheduleOptions);
}
