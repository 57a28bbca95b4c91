// Trains small models here, saves them as attune does, and writes down what attune computes with them, for
// scripts/check-interchange.py to load in Python and compare:
//   node scripts/with-driver.mjs tsx --conditions=@attune/source scripts/write-interchange.ts OUT
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { type Batch, loadLora, readAdapter, SequenceGenerator, type T5, writeAdapter } from "@attune/models";
import { diskFiles, diskSink } from "@attune/models/node";
import { openDevice } from "@attune/tensor/node";
import { Trainer } from "@attune/tuning";
import { modelOfRun, openRunModel, type RunModel, saveRunModel } from "../apps/cli/src/recipes/model.js";
import { parseRun } from "../apps/cli/src/run/load.js";
import { forwardCase, linearsOf, loadModel, logitsOf, microBatchesOf } from "../tests/parity/models.js";
import { GATED, OWN } from "../tests/parity/records.js";

const [out] = process.argv.slice(2);
if (!out) throw new Error("usage: write-interchange.ts OUT");
const device = await openDevice();

for (const { name, folder } of OWN) {
  const batch = await forwardCase(folder, "padded");
  const target = (what: string) => path.resolve(out, `${path.basename(name)}-${what}`);
  for (const dtype of ["f32", "bf16"]) {
    const opened = await trainedRun(target(dtype), folder, `save: { dtype: ${dtype} }`, 1e-3);
    opened.dispose();
    // what counts is what the files say: halves are read back
    const again = await loadModel(device, path.join(target(dtype), "model"), { trainable: false });
    await writeDown(target(dtype), { kind: "model" }, again.model, batch);
    again.dispose();
  }
  const opened = await trainedRun(target("lora"), folder, "lora: { rank: 4, alpha: 8, targets: [q, v, wo] }", 1e-2);
  await writeDown(target("lora"), { kind: "adapter", base: folder }, opened.model as T5, batch);
  opened.dispose();
}
await patterns(path.resolve(out, "t5-gated-patterns"));
device.destroy();

/** A run on the model in `folder`, trained for some updates and saved below `target` as attune train saves it. */
async function trainedRun(target: string, folder: string, settings: string, lr: number): Promise<RunModel> {
  await rm(target, { recursive: true, force: true });
  const text = `
model: { path: ${JSON.stringify(folder)} }
data: { train: none.jsonl, template: { prompt: "{a}", completion: "{b}" } }
out: ${JSON.stringify(target)}
${settings}`;
  const run = parseRun(text, { file: "interchange.yaml" });
  const opened = await openRunModel(device, run, await modelOfRun(run));
  await trainFor(5, opened, folder, lr);
  await saveRunModel(run, opened, { tokenizerFiles: diskFiles(folder) });
  return opened;
}

/** rsLoRA, with ranks and alphas by pattern, on the output head too. */
async function patterns(target: string): Promise<void> {
  const { folder } = GATED;
  const base = await loadModel(device, folder, { trainable: false });
  const lora = loadLora(device, await readAdapter(diskFiles(`${folder}/lora/patterns/initial`), await linearsOf(folder)));
  const model = base.model.with({ lora });
  await trainFor(5, { model, trainable: lora.parameters, lora }, folder, 1e-2);
  const sink = diskSink(path.join(target, "adapter"));
  for (const [name, content] of Object.entries(writeAdapter(await lora.read()))) await sink.write(name, content);
  await writeDown(target, { kind: "adapter", base: folder }, model, await forwardCase(folder, "padded"));
}

async function trainFor(
  updates: number,
  { model, trainable, lora }: Pick<RunModel, "model" | "trainable" | "lora">,
  folder: string,
  lr: number,
): Promise<void> {
  const trainer = new Trainer(device, { model, trainable, lora, learningRate: () => lr, dropout: 0.1, seed: 3 });
  const batches = await microBatchesOf(folder);
  for (let i = 0; i < updates; i++) trainer.update([batches[i % batches.length]!]);
  trainer.dispose();
}

/** attune.json: inputs, logits, and greedy ids. */
async function writeDown(target: string, facts: object, model: T5, batch: Batch): Promise<void> {
  const generator = new SequenceGenerator(device, model);
  const { sequences: greedy } = await generator.generate(batch, { maxNewTokens: 12 });
  generator.dispose();
  const rows = (values: Int32Array, length: number) =>
    Array.from({ length: batch.rows }, (_, i) => [...values.subarray(i * length, (i + 1) * length)]);
  const record = {
    ...facts,
    input_ids: rows(batch.inputIds, batch.source),
    attention_mask: rows(batch.attentionMask, batch.source),
    labels: rows(batch.labels, batch.target),
    logits: [...(await logitsOf(device, model, batch))],
    greedy,
  };
  await mkdir(target, { recursive: true });
  await writeFile(path.join(target, "attune.json"), `${JSON.stringify(record)}\n`);
}
