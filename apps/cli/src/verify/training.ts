// Training held against a record: the real Trainer is fed with the record's micro-batches, and each loss, gradient norm and learning
// rate, the parameters on the way and at the end, and what the trained model computes are compared. The record's losses are means over
// the counted tokens of a whole update.
import { type Batch, type FileSource, openSafetensors, readJsonObject, toFloat32, trainingModel } from "@attune/models";
import { type Device, noGrad, type ParameterSet, type Tensor } from "@attune/tensor";
import { type OptimizerOptions, type ScheduleKind, scheduleFactor, Trainer, type TrainerOptions } from "@attune/tuning";
import { type Comparison, PartComparison, scaledMaxError } from "./compare.js";
import { meaningful, type OpenedModel, type VerifiedModel } from "./model.js";
import type { ReferenceRecord } from "./record.js";

/** What a run's JSON file says (train/RUN.json, lora/VARIANT/train.json). */
export interface TrainingRecord {
  settings: {
    /** Of Adafactor with a step of its own: null. */
    lr: number | null;
    betas?: [number, number];
    eps?: number;
    scale_parameter?: boolean;
    relative_step?: boolean;
    warmup_init?: boolean;
    weight_decay: number;
    /** In transformers' words. */
    schedule: ScheduleKind | "constant_with_warmup" | null;
    warmup: number;
    steps: number;
    clip: number | null;
    /** false: the run has no file of final weights. */
    keep_weights?: boolean;
  };
  parameters: { decay: string[]; no_decay: string[] };
  steps: { micro_batches: number[]; loss: number; grad_norm: number; lr: number }[];
  /** After these updates, of each parameter: the sum of its values and their l2 norm. */
  parameter_sum_and_l2_after_step?: Record<string, Record<string, [number, number]>>;
  logits_after_training_of_forward_case?: string;
  checks: { weights_that_follow_rounding_only?: string[] };
}

/**
 * What a whole run adds up to, as max|a-b| / max(1, max|b|); float64 torch itself differs by 1e-6 from float32 torch (the records'
 * checks). Learning rates are told to 1e-6: the device holds them in f32.
 */
export const TRAJECTORY_BOUND = 1e-4;
const RATE_BOUND = 1e-6;

const RUNS = ["adamw", "adafactor-external-lr", "adafactor-t5-default", "adafactor-t5-warmup-init"];

/** The parts that following runs adds to, one set for all runs of a kind. */
export class TrajectoryParts {
  readonly losses: PartComparison;
  readonly norms: PartComparison;
  readonly rates: PartComparison;
  readonly groups: PartComparison;
  constructor(kind: string) {
    this.losses = new PartComparison(`${kind}: losses`);
    this.norms = new PartComparison(`${kind}: gradient norms`);
    this.rates = new PartComparison(`${kind}: learning rates`);
    this.groups = new PartComparison(`${kind}: names that decay`);
  }
  results(): Comparison[] {
    return [this.losses, this.norms, this.rates, this.groups].map((part) => part.result());
  }
}

/** Trains as the record says, comparing every update; `after` is told of each. */
export async function followRun(
  device: Device,
  { settings, steps }: Pick<TrainingRecord, "settings" | "steps">,
  batches: readonly Batch[],
  options: Pick<TrainerOptions, "model" | "trainable" | "lora">,
  parts: TrajectoryParts,
  label: string,
  after: (step: number) => Promise<void> = async () => {},
): Promise<void> {
  const { lr, schedule, warmup } = settings;
  const trainer = new Trainer(device, {
    ...options,
    optimizer: optimizerOf(settings),
    learningRate: (done) => {
      if (lr === null || schedule === null) return 0; // not asked for
      const kind = schedule === "constant_with_warmup" ? "constant" : schedule;
      return lr * scheduleFactor({ kind, learningRate: lr, warmupSteps: warmup, totalSteps: settings.steps }, done);
    },
    seed: 1,
  });
  for (const [index, step] of steps.entries()) {
    trainer.update(step.micro_batches.map((at) => batches[at]!));
    const { loss, gradNorm, lr: rate } = await trainer.readLoss(1);
    const name = `${label}, update ${index + 1}`;
    parts.losses.add(name, 1, scaledMaxError([loss], [step.loss]), TRAJECTORY_BOUND);
    parts.norms.add(name, 1, relativeError(gradNorm, step.grad_norm), TRAJECTORY_BOUND);
    parts.rates.add(name, 1, relativeError(rate, step.lr), RATE_BOUND);
    await after(index + 1);
  }
  trainer.scratch.dispose();
  trainer.dispose();
}

function optimizerOf(settings: TrainingRecord["settings"]): OptimizerOptions {
  const { betas, eps, weight_decay: weightDecay, clip } = settings;
  const shared = { weightDecay, clipNorm: clip ?? 0 };
  if (betas) return { kind: "adamw", beta1: betas[0], beta2: betas[1], eps: eps!, ...shared };
  const { scale_parameter, relative_step, warmup_init } = settings;
  return {
    kind: "adafactor",
    scaleParameter: scale_parameter!,
    relativeStep: relative_step!,
    warmupInit: warmup_init!,
    ...shared,
  };
}

/** |a-b| / |b|; where b is 0, |a|. */
function relativeError(a: number, b: number): number {
  return Math.abs(a - b) / (Math.abs(b) || 1);
}

/** Compares which parameters decay. `nameOf` gives our name of one of the record's. */
export function compareGroups(
  part: PartComparison,
  label: string,
  { ranges, parameters }: ParameterSet,
  expected: TrainingRecord["parameters"],
  nameOf: (name: string) => string = (name) => name,
): void {
  const decays = new Map(ranges.flatMap(({ places }) => places.map((place) => [place.name, place.decays] as const)));
  const wanted = new Map<string, boolean>();
  for (const name of expected.decay) wanted.set(nameOf(name), true);
  for (const name of expected.no_decay) wanted.set(nameOf(name), false);
  for (const name of new Set([...parameters.keys(), ...wanted.keys()])) {
    if (!parameters.has(name) || !wanted.has(name)) part.lacks(`${label}: ${name}`);
    else part.add(`${label}: ${name}`, 1, decays.get(name) === wanted.get(name) ? 0 : 1, 0);
  }
}

/** Compares tensors by name; both sides must have the same ones. */
export function compareTensors(
  part: PartComparison,
  label: string,
  ours: ReadonlyMap<string, Float32Array>,
  theirs: ReadonlyMap<string, Float32Array>,
  bound: number,
  leftOut: readonly string[] = [],
): void {
  for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
    if (leftOut.includes(name)) continue;
    const [a, b] = [ours.get(name), theirs.get(name)];
    if (!a || !b) part.lacks(`${label}: ${name}`);
    else part.add(`${label}: ${name}`, b.length, a.length === b.length ? scaledMaxError(a, b) : Number.NaN, bound);
  }
}

/** The record's padded micro-batches; null where it has none. */
export async function readMicroBatches(source: FileSource, model: VerifiedModel["model"]): Promise<Batch[] | null> {
  if (!(await source.has("train/data.json"))) return null;
  const { micro_batches } = (await readJsonObject(source, "train/data.json")) as unknown as {
    micro_batches: Record<"input_ids" | "attention_mask" | "labels", number[][]>[];
  };
  const training = trainingModel(model);
  return micro_batches.map(({ input_ids, attention_mask, labels }) => {
    const batch = {
      rows: input_ids.length,
      source: input_ids[0]!.length,
      target: labels[0]!.length,
      inputIds: Int32Array.from(input_ids.flat()),
      attentionMask: Int32Array.from(attention_mask.flat()),
      labels: Int32Array.from(labels.flat()),
      targetTokens: 0,
      realRows: input_ids.length,
    };
    return { ...batch, targetTokens: training.labels(batch).filter((label) => label >= 0).length };
  });
}

/** A safetensors file of f32 tensors; null where it is not there. */
export async function readTensors(source: FileSource, file: string): Promise<Map<string, Float32Array> | null> {
  if (!(await source.has(file))) return null;
  const opened = await openSafetensors(source, file);
  const tensors = new Map<string, Float32Array>();
  for (const name of opened.names) tensors.set(name, toFloat32(name, await opened.read(name)).slice());
  return tensors;
}

export async function valuesOf(tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [name, one] of tensors) values.set(name, (await one.toArray()).slice() as Float32Array);
  return values;
}

/** Compares the logits of a forward case, where the record vouches for them. */
export async function compareLogits(
  part: PartComparison,
  label: string,
  device: Device,
  model: VerifiedModel,
  { forward }: ReferenceRecord,
  probe: {
    forwardCase: string;
    lora?: Parameters<VerifiedModel["forward"]>[2];
    expected: Float32Array | undefined;
    bound: number;
  },
): Promise<void> {
  const forwardCase = forward.cases.find(({ name }) => name === probe.forwardCase);
  if (!forwardCase || !probe.expected) return part.lacks(label);
  const logits = device.scope(() => noGrad(() => model.forward(forwardCase, null, probe.lora ?? null).logits));
  const ours = (await logits.toArray()) as Float32Array;
  logits.dispose();
  const means = meaningful(model, forwardCase, ours.length);
  const error =
    ours.length === probe.expected.length ? scaledMaxError(ours.filter(means), probe.expected.filter(means)) : Number.NaN;
  part.add(label, probe.expected.length, error, probe.bound);
}

/** All training runs of a record; nothing where it has none. */
export async function compareTraining(
  device: Device,
  opened: OpenedModel,
  source: FileSource,
  record: ReferenceRecord,
): Promise<Comparison[]> {
  if (!(await source.has("train/data.json"))) return [];
  const parts = new TrajectoryParts("training");
  const sums = new PartComparison("training: sums and norms of parameters");
  const weights = new PartComparison("training: final weights");
  const logits = new PartComparison("training: logits afterwards");
  let hasRuns = false;
  let hasSums = false;
  let hasLogits = false;
  for (const run of RUNS) {
    if (!(await source.has(`train/${run}.json`))) continue;
    hasRuns = true;
    const recorded = (await readJsonObject(source, `train/${run}.json`)) as unknown as TrainingRecord;
    const model = await opened.load(device, true);
    const batches = (await readMicroBatches(source, model.model))!;
    const roundingOnly = recorded.checks.weights_that_follow_rounding_only ?? [];
    compareGroups(parts.groups, run, model.trainable!, recorded.parameters);
    const marks = recorded.parameter_sum_and_l2_after_step ?? {};
    await followRun(device, recorded, batches, { model: model.model, trainable: model.trainable! }, parts, run, async (step) => {
      if (!marks[step]) return;
      hasSums = true;
      const values = await valuesOf(model.weights);
      for (const [name, [sum, l2]] of Object.entries(marks[step])) {
        if (roundingOnly.includes(name)) continue;
        const label = `${run}, update ${step}: ${name}`;
        const ours = values.get(name);
        if (ours)
          sums.add(
            label,
            2,
            Math.max(scaledMaxError([totalOf(ours)], [sum]), scaledMaxError([normOf(ours)], [l2])),
            TRAJECTORY_BOUND,
          );
        else sums.lacks(label);
      }
    });
    const final = await readTensors(source, `train/${run}.final.safetensors`);
    if (final) compareTensors(weights, run, await valuesOf(model.weights), final, TRAJECTORY_BOUND, roundingOnly);
    else if (recorded.settings.keep_weights !== false) weights.lacks(`train/${run}.final.safetensors`);
    const probe = recorded.logits_after_training_of_forward_case;
    if (probe) {
      hasLogits = true;
      const expected = (await readTensors(source, `train/${run}.logits.safetensors`))?.values().next().value;
      await compareLogits(logits, run, device, model, record, { forwardCase: probe, expected, bound: TRAJECTORY_BOUND });
    }
    model.dispose();
  }
  if (!hasRuns) return []; // the batches are for adapters alone
  const optional = [...(hasSums ? [sums] : []), weights, ...(hasLogits ? [logits] : [])];
  return [...parts.results(), ...optional.map((part) => part.result())];
}

const totalOf = (values: Float32Array): number => values.reduce((sum, x) => sum + x, 0);
const normOf = (values: Float32Array): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
