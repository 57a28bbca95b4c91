// What attune saves computes the same when it is read again: whole models in f32 and in bf16, and adapters. And an adapter that has
// learnt nothing yet is no change at all.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  type Batch,
  bf16ToF32,
  f32ToBf16,
  freshLora,
  loadLora,
  openAdapter,
  readAdapter,
  SequenceGenerator,
  type T5,
  writeAdapter,
} from "@attune/models";
import { diskFiles, diskSink } from "@attune/models/node";
import type { Tensor } from "@attune/tensor";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { modelOfRun, openRunModel, saveRunModel } from "../../apps/cli/src/recipes/model.js";
import { parseRun } from "../../apps/cli/src/run/load.js";
import { forwardCase, largestDifference, linearsOf, loadModel, logitsOf, valuesOf } from "./models.js";
import { ADAPTERS, needs, OWN, RELU, readJson } from "./records.js";

let device: NodeDevice;
let out: string;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());
beforeEach(async () => {
  out = await mkdtemp(path.join(tmpdir(), "attune-saved-"));
});
afterEach(() => rm(out, { recursive: true }));

/** A run on a record's model, far enough to save it. */
async function openRun(folder: string, settings: string) {
  const text = `
model: { path: ${JSON.stringify(folder)} }
data: { train: none.jsonl, template: { prompt: "{a}", completion: "{b}" } }
out: ${JSON.stringify(out)}
${settings}`;
  const run = parseRun(text, { file: path.join(out, "run.yaml") });
  // the records have no tokenizer, and nothing here needs one
  return { run, opened: await openRunModel(device, run, await modelOfRun(run)), tokenizerFiles: diskFiles(folder) };
}

async function greedyIds(model: T5, batch: Batch): Promise<number[][]> {
  const generator = new SequenceGenerator(device, model);
  const { sequences } = await generator.generate(batch, { maxNewTokens: 12 });
  generator.dispose();
  return sequences;
}

describe("a whole model, saved and read again", () => {
  it.for(OWN.flatMap(({ name, folder }) => ["f32", "bf16"].map((dtype) => ({ name, folder, dtype }))))(
    "$name as $dtype",
    async ({ folder, dtype }) => {
      const { run, opened, tokenizerFiles } = await openRun(folder, `save: { dtype: ${dtype} }`);
      // what is told apart here is saving: rounding to halves happens before
      if (dtype === "bf16") for (const weight of opened.model.weights.values()) weight.write(await roundedToBf16(weight));
      const model = opened.model as T5;
      const saved = await saveRunModel(run, opened, { tokenizerFiles });
      expect(saved.folder).toBe(path.join(out, "model"));
      const again = await loadModel(device, saved.folder, { trainable: true });
      expect(again.config).toEqual(model.config);
      expect(await valuesOf(again.weights)).toEqual(await valuesOf(model.weights));
      const batch = await forwardCase(folder, "padded");
      const logits = await logitsOf(device, model, batch);
      expect(await logitsOf(device, again.model, batch)).toEqual(logits);
      expect(await greedyIds(again.model, batch)).toEqual(await greedyIds(model, batch));
      // kept on the device as halves, the same values meet other kernels: equal up to the order of sums
      const packed = await loadModel(device, saved.folder, { trainable: false, storage: "bf16" });
      const difference = largestDifference(await logitsOf(device, packed.model, batch), logits);
      if (dtype === "bf16") expect(difference).toBeLessThan(1e-5);
      else expect(difference).toBeGreaterThan(1e-4);
      for (const held of [opened, again, packed]) held.dispose();
    },
  );
});

describe("an adapter", () => {
  it.for(ADAPTERS)("$name: put on a device, saved and read again, computes the same", async ({ record, variant }, context) => {
    needs(context, record);
    const { folder } = record;
    const linears = await linearsOf(folder);
    const { model, dispose } = await loadModel(device, folder, { trainable: false });
    const adapter = await readAdapter(diskFiles(`${folder}/lora/${variant}/final`), linears);
    const lora = loadLora(device, adapter);
    expect(await lora.read()).toEqual(adapter);
    const sink = diskSink(out);
    for (const [name, content] of Object.entries(writeAdapter(await lora.read()))) await sink.write(name, content);
    const again = loadLora(device, await readAdapter(diskFiles(out), linears));
    const batch = await forwardCase(folder, "padded");
    const logits = await logitsOf(device, model.with({ lora }), batch);
    expect(await logitsOf(device, model.with({ lora: again }), batch)).toEqual(logits);
    expect(await greedyIds(model.with({ lora: again }), batch)).toEqual(await greedyIds(model.with({ lora }), batch));
    expect(largestDifference(logits, await logitsOf(device, model, batch))).toBeGreaterThan(0.1);
    for (const held of [lora, again, { dispose }]) held.dispose();
  });

  it.for(ADAPTERS)("$name: begins with PEFT's values, and equals the base bit for bit", async ({ record, variant }, context) => {
    needs(context, record);
    const { folder } = record;
    const linears = await linearsOf(folder);
    const initial = await readAdapter(diskFiles(`${folder}/lora/${variant}/initial`), linears);
    const { torch_manual_seed_before_get_peft_model: seed } = await readJson<Record<string, number>>(
      `${folder}/lora/${variant}`,
      "train.json",
    );
    const { model, dispose } = await loadModel(device, folder, { trainable: false });
    const lora = freshLora(device, initial.config, linears, seed!);
    expect(await lora.read()).toEqual(initial);
    const batch = await forwardCase(folder, "padded");
    const [base, adapted] = [await logitsOf(device, model, batch), await logitsOf(device, model.with({ lora }), batch)];
    expect(new Uint32Array(adapted.buffer)).toEqual(new Uint32Array(base.buffer));
    for (const held of [lora, { dispose }]) held.dispose();
  });

  it("of a run is saved in PEFT's form, and loads", async () => {
    const { folder } = RELU;
    const { run, opened, tokenizerFiles } = await openRun(folder, "lora: { rank: 3, alpha: 6, targets: [q, wo] }");
    const { folder: saved } = await saveRunModel(run, opened, { tokenizerFiles });
    expect(saved).toBe(path.join(out, "adapter"));
    const { base, ...adapter } = await openAdapter(diskFiles(saved), opened.folder!);
    expect(adapter).toEqual(await opened.lora!.read());
    expect(Object.keys(base!)).toHaveLength(2); // of the first and the last module
    expect(adapter.config).toMatchObject({ rank: 3, alpha: 6, targetModules: ["q", "wo"], baseModel: folder });
    opened.dispose();
  });
});

async function roundedToBf16(weight: Tensor): Promise<Float32Array> {
  return bf16ToF32(f32ToBf16((await weight.toArray()) as Float32Array));
}
