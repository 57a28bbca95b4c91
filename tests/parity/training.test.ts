// Training follows torch's steps: the Trainer, fed with a record's micro-batches, reproduces its losses, gradient norms, learning
// rates and final weights; and how a batch is cut or padded changes nothing.
import {
  type Batch,
  collate,
  IGNORE_INDEX,
  loadLora,
  memoryFiles,
  openSafetensors,
  readAdapter,
  writeAdapter,
} from "@attune/models";
import { diskFiles } from "@attune/models/node";
import type { ParameterSet } from "@attune/tensor";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { type OptimizerOptions, type ScheduleKind, scheduleFactor, Trainer, type TrainerOptions } from "@attune/tuning";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  forwardCase,
  gradientsOf,
  largestDifference,
  linearsOf,
  loadModel,
  logitsOf,
  microBatchesOf,
  tensorsOf,
  valuesOf,
  worstNormError,
} from "./models.js";
import { ADAPTERS, needs, OWN, RECORDS, RELU, readJson } from "./records.js";

let device: NodeDevice;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

interface TrainingRecord {
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
  };
  parameters: { decay: string[]; no_decay: string[] };
  steps: { micro_batches: number[]; loss: number; grad_norm: number; lr: number }[];
  checks: { weights_that_follow_rounding_only: string[] };
}

/** 1e-4 for what a whole run adds up to; float64 torch itself differs by 1e-6 from float32 torch (the record's checks). */
const BOUND = 1e-4;

/** Trains as the record says, comparing every step. */
async function follow(
  { settings, steps }: TrainingRecord,
  batches: readonly Batch[],
  options: Pick<TrainerOptions, "model" | "trainable" | "lora">,
  on: NodeDevice = device,
): Promise<void> {
  const { lr, schedule, warmup } = settings;
  const trainer = new Trainer(on, {
    ...options,
    optimizer: optimizerOf(settings),
    learningRate: (done) => {
      if (lr === null || schedule === null) return 0; // not asked for
      const kind = schedule === "constant_with_warmup" ? "constant" : schedule;
      return lr * scheduleFactor({ kind, learningRate: lr, warmupSteps: warmup, totalSteps: settings.steps }, done);
    },
    seed: 1,
  });
  for (const step of steps) {
    trainer.update(step.micro_batches.map((index) => batches[index]!));
    const { loss, gradNorm, lr: rate } = await trainer.readLoss(1);
    expect(rate).toBeCloseTo(step.lr, 8); // as the device holds it, in f32
    expect(Math.abs(loss - step.loss) / Math.max(1, step.loss)).toBeLessThan(BOUND);
    expect(Math.abs(gradNorm - step.grad_norm) / step.grad_norm).toBeLessThan(BOUND);
  }
  expect(trainer.step).toBe(steps.length);
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

/** Names of the parameters that decay and of those that do not. */
function decayGroups({ ranges, parameters }: ParameterSet): TrainingRecord["parameters"] {
  const decays = (name: string) => ranges.flatMap(({ places }) => places).find((place) => place.name === name)!.decays;
  const names = [...parameters.keys()];
  return sorted({ decay: names.filter(decays), no_decay: names.filter((name) => !decays(name)) });
}
const sorted = ({ decay, no_decay }: TrainingRecord["parameters"]) => ({
  decay: decay.toSorted(),
  no_decay: no_decay.toSorted(),
});

function expectWeights(
  ours: ReadonlyMap<string, Float32Array>,
  theirs: ReadonlyMap<string, Float32Array>,
  roundingOnly: readonly string[],
): void {
  expect([...ours.keys()].sort()).toEqual([...theirs.keys()].sort());
  let worst = { name: "", error: 0 };
  for (const [name, reference] of theirs) {
    if (roundingOnly.includes(name)) continue;
    const error = largestDifference(ours.get(name)!, reference);
    if (!(error <= worst.error)) worst = { name, error };
  }
  expect(worst.error, worst.name).toBeLessThan(BOUND);
}

describe("AdamW on all weights follows the record", () => {
  it.for(RECORDS)("$name", async (record, context) => {
    needs(context, record);
    const { folder } = record;
    const run = await readJson<TrainingRecord>(folder, "train/adamw.json");
    const { model, weights, trainable, dispose } = await loadModel(device, folder, { trainable: true });
    expect(decayGroups(trainable!)).toEqual(sorted(run.parameters));
    await follow(run, await microBatchesOf(folder), { model, trainable: trainable! });
    const final = await tensorsOf(await openSafetensors(diskFiles(folder), "train/adamw.final.safetensors"));
    expectWeights(await valuesOf(weights), final, run.checks.weights_that_follow_rounding_only);
    dispose();
  });
});

describe("Adafactor on all weights follows the record", () => {
  const variants = ["adafactor-external-lr", "adafactor-t5-default", "adafactor-t5-warmup-init"] as const;
  const runs = RECORDS.filter((record) => !OWN.includes(record));
  it.for(runs.flatMap((record) => variants.map((variant) => ({ ...record, variant }))))(
    "$name, $variant",
    async (record, context) => {
      needs(context, record);
      const { folder, variant } = record;
      const run = await readJson<TrainingRecord>(folder, `train/${variant}.json`);
      const { model, weights, trainable, dispose } = await loadModel(device, folder, { trainable: true });
      await follow(run, await microBatchesOf(folder), { model, trainable: trainable! });
      if (variant !== "adafactor-t5-warmup-init") {
        const final = await tensorsOf(await openSafetensors(diskFiles(folder), `train/${variant}.final.safetensors`));
        expectWeights(await valuesOf(weights), final, run.checks.weights_that_follow_rounding_only);
      }
      dispose();
    },
  );
});

describe("LoRA follows the record", () => {
  it.for(ADAPTERS)("$name", async ({ record, variant }, context) => {
    needs(context, record);
    const { folder } = record;
    const at = (name: string) => diskFiles(`${folder}/lora/${variant}/${name}`);
    const run = await readJson<TrainingRecord>(`${folder}/lora/${variant}`, "train.json");
    const linears = await linearsOf(folder);
    const base = await loadModel(device, folder, { trainable: false });
    const lora = loadLora(device, await readAdapter(at("initial"), linears));
    const model = base.model.with({ lora });
    await follow(run, await microBatchesOf(folder), { model, trainable: lora.parameters, lora });

    const ours = await openSafetensors(memoryFiles(writeAdapter(await lora.read())), "adapter_model.safetensors");
    const theirs = await tensorsOf(await openSafetensors(at("final"), "adapter_model.safetensors"));
    for (const name of theirs.keys()) if (name.endsWith(".base_layer.weight")) theirs.delete(name);
    expectWeights(await tensorsOf(ours), theirs, []);
    // and what PEFT computes with its own trained adapter
    const trained = loadLora(device, await readAdapter(at("final"), linears));
    const logits = await logitsOf(device, base.model.with({ lora: trained }), await forwardCase(folder, "padded"));
    const expected = await tensorsOf(await openSafetensors(diskFiles(`${folder}/lora/${variant}`), "logits.safetensors"));
    expect(largestDifference(logits, expected.get("adapter")!)).toBeLessThan(3e-5);
    for (const held of [trained, lora, base]) held.dispose();
  });
});

it("LoRA follows the record where a binding holds less than the embeddings and activations", async () => {
  const { folder } = RELU;
  // attention's operands alone must fit whole; without the limit this takes fewer calls
  const limits = { maxStorageBufferBindingSize: 12288, minStorageBufferOffsetAlignment: 16 };
  const small = await openDevice({ limits });
  const run = await readJson<TrainingRecord>(`${folder}/lora/default`, "train.json");
  const calls = new Map<NodeDevice, number>();
  for (const on of [device, small]) {
    on.onCall = () => calls.set(on, (calls.get(on) ?? 0) + 1);
    const base = await loadModel(on, folder, { trainable: false });
    const lora = loadLora(on, await readAdapter(diskFiles(`${folder}/lora/default/initial`), await linearsOf(folder)));
    const shortened = { ...run, steps: run.steps.slice(0, 3) };
    await follow(
      shortened,
      await microBatchesOf(folder),
      { model: base.model.with({ lora }), trainable: lora.parameters, lora },
      on,
    );
    for (const held of [lora, base]) held.dispose();
    on.onCall = null;
  }
  expect(calls.get(small)!).toBeGreaterThan(calls.get(device)!);
  small.destroy();
});

it("an adapter's dropout acts while training, and then alone", async () => {
  const { folder } = RELU;
  const base = await loadModel(device, folder, { trainable: false });
  const adapter = await readAdapter(diskFiles(`${folder}/lora/default/final`), await linearsOf(folder));
  const [first] = await microBatchesOf(folder);
  const losses: number[] = [];
  for (const dropout of [0, 0.5]) {
    const lora = loadLora(device, { ...adapter, config: { ...adapter.config, dropout } });
    const model = base.model.with({ lora });
    const before = await logitsOf(device, model, first!);
    const trainer = new Trainer(device, { model, trainable: lora.parameters, lora, learningRate: () => 0, seed: 1 });
    for (let step = 0; step < 2; step++) {
      trainer.update([first!]);
      losses.push((await trainer.readLoss(1)).loss);
    }
    expect(await logitsOf(device, model, first!)).toEqual(before);
    trainer.scratch.dispose();
    for (const held of [trainer, lora]) held.dispose();
  }
  const [none, noneAgain, some, someAgain] = losses;
  expect(none).toBe(noneAgain);
  expect(new Set([none, some, someAgain]).size).toBe(3); // another mask each step
  base.dispose();
});

describe("the gradient of an update", () => {
  // eight examples of unlike lengths on both sides: mean-of-means over micro-batches would be wrong by tens of percent
  const vocabulary = 96;
  const examples = [9, 3, 14, 6, 2, 11, 5, 8].map((length, i) => ({
    id: String(i),
    inputIds: Array.from({ length: 17 - length }, (_, j) => 3 + ((i * 31 + j * 17) % vocabulary)),
    labels: Array.from({ length }, (_, j) => (j % 5 === 3 ? IGNORE_INDEX : 3 + ((i * 13 + j * 29) % vocabulary))),
    isSourceCut: false,
    isTargetCut: false,
  }));

  /** Gradients and loss of one update, at learning rate 0. */
  async function gradients(batches: readonly Batch[]) {
    const { model, weights, trainable, dispose } = await loadModel(device, RELU.folder, { trainable: true });
    const trainer = new Trainer(device, { model, trainable: trainable!, learningRate: () => 0, seed: 1 });
    trainer.update(batches);
    const result = { ...(await trainer.readLoss(1)), gradients: await gradientsOf(weights) };
    trainer.scratch.dispose();
    trainer.dispose();
    dispose();
    return result;
  }

  const cut = (rows: number, count: number, source = 16, target = 16) =>
    Array.from({ length: count }, (_, i) => collate(examples.slice(i * rows, (i + 1) * rows), { rows, source, target }, 0));

  it("is the same from 8 x 1, 4 x 2 and 2 x 4 rows with unequal numbers of labels", async () => {
    const whole = await gradients(cut(8, 1));
    for (const batches of [cut(4, 2), cut(2, 4)]) {
      expect(new Set(batches.map(({ targetTokens }) => targetTokens)).size).toBeGreaterThan(1);
      const parts = await gradients(batches);
      expect(Math.abs(parts.loss - whole.loss) / whole.loss).toBeLessThan(1e-6);
      const { name, error } = worstNormError(parts.gradients, whole.gradients);
      expect(error, name).toBeLessThan(5e-6); // the same terms, added in another order
    }
  });

  it("does not change with more padding: longer rows, and rows that hold nothing", async () => {
    const tight = await gradients(cut(8, 1));
    const [loose] = cut(8, 1, 24, 32);
    const withEmptyRows = collate(examples, { rows: 11, source: 16, target: 16 }, 0);
    expect(withEmptyRows.realRows).toBe(8);
    for (const batch of [loose!, withEmptyRows]) {
      const padded = await gradients([batch]);
      expect(Math.abs(padded.loss - tight.loss) / tight.loss).toBeLessThan(1e-6);
      const { name, error } = worstNormError(padded.gradients, tight.gradients);
      expect(error, name).toBeLessThan(1e-6);
    }
  });

  it("notices an example that is left out", async () => {
    const whole = await gradients(cut(8, 1));
    const seven = await gradients([collate(examples.slice(0, 7), { rows: 8, source: 16, target: 16 }, 0)]);
    expect(worstNormError(seven.gradients, whole.gradients).error).toBeGreaterThan(1e-2);
  });
});
