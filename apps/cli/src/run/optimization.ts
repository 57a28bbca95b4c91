// What a run may say of its optimizer and its learning rate beyond the plain keys: groups that may be left out, and the contradictions
// between them. Keys that are left out stay out, so that checkpoints of before know of none.
import { SCHEDULE_KINDS, SCHEDULE_OPTIONS, type ScheduleOptions, SLOPES } from "@attune/tuning";
import { z } from "zod";

const share = z.number().min(0).lt(1);

/** Schedules of transformers that are not here, and what to take. */
const OTHER_SCHEDULES: Readonly<Record<string, string>> = {
  reduce_lr_on_plateau:
    "it follows evaluations, and schedules here are fixed before the run; train.earlyStopping ends a run that gets no better, cosine and linear fall anyway",
  greedy:
    "it follows the loss from update to update, and schedules here are fixed before the run; take cosine, or constant to set the rate by hand",
};

export const schedule = z
  .preprocess((value, context) => {
    const why = typeof value === "string" && Object.hasOwn(OTHER_SCHEDULES, value) ? OTHER_SCHEDULES[value] : undefined;
    if (why === undefined) return value;
    context.addIssue({ code: "custom", message: `cannot be ${value}: ${why}` });
    return SCHEDULE_KINDS[0]; // told already
  }, z.enum(SCHEDULE_KINDS))
  .default("cosine");

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
  schedule: keyof typeof SCHEDULE_OPTIONS;
  scheduleOptions?: z.output<typeof scheduleOptions> | undefined;
  adam?: z.output<typeof adam> | undefined;
  adafactor?: z.output<typeof adafactor> | undefined;
  precision: string;
  skipNonFinite?: number | undefined;
}

/** Calls `refuse` for each pair of values that cannot both be meant. */
export function refuseOptimizationContradictions(train: Optimization, refuse: (path: string, message: string) => void): void {
  const { optimizer, schedule: kind, scheduleOptions: options = {} } = train;
  const taken: readonly string[] = [...SCHEDULE_OPTIONS[kind]];
  for (const key of Object.keys(options)) {
    const name = key === "minLr" ? "minLrRatio" : key;
    if (taken.includes(name)) continue;
    const kinds = SCHEDULE_KINDS.filter((one) => (SCHEDULE_OPTIONS[one] as readonly string[]).includes(name));
    refuse(`train.scheduleOptions.${key}`, `is for ${kinds.join(" or ")}, and train.schedule is ${kind}`);
  }
  const { minLr, minLrRatio } = options;
  const hasLeast = minLr !== undefined || minLrRatio !== undefined;
  if (minLr !== undefined && minLrRatio !== undefined)
    refuse("train.scheduleOptions.minLrRatio", "stands beside minLr: both say the least learning rate");
  if (/MinLr$/.test(kind) && !hasLeast)
    refuse("train.schedule", `is ${kind}: say how low in train.scheduleOptions, minLr or minLrRatio`);
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

/** As the schedule takes them: shares of the peak. */
export function scheduleOptionsOf({ scheduleOptions: options = {} }: Optimization, lr: number): ScheduleOptions {
  const { minLr, ...same } = options;
  return minLr === undefined ? (same as ScheduleOptions) : ({ ...same, minLrRatio: minLr / lr } as ScheduleOptions);
}
