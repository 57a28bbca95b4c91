// What training must not depend on: how a batch is cut or padded, how large a binding may be. That it follows torch's steps is
// tested with attune verify (verify.test.ts).
import { type Batch, collate, IGNORE_INDEX, loadLora, readAdapter } from "@attune/models";
import { diskFiles } from "@attune/models/node";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { Trainer } from "@attune/tuning";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { followRun, type TrainingRecord, TrajectoryParts } from "../../apps/cli/src/verify/training.js";
import { gradientsOf, linearsOf, loadModel, logitsOf, microBatchesOf, worstNormError } from "./models.js";
import { RELU, readJson } from "./records.js";

let device: NodeDevice;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

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
    const parts = new TrajectoryParts("adapter");
    const options = { model: base.model.with({ lora }), trainable: lora.parameters, lora };
    await followRun(on, shortened, await microBatchesOf(folder), options, parts, "shortened");
    const { losses, norms } = parts;
    for (const part of [losses, norms]) expect(part.result()).toMatchObject({ values: 3, passed: true });
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
