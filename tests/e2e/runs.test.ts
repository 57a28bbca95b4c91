// Whole runs on the bundled base and data, a few updates each: what they write, what they say before, and that they learn.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { loadTokenizer, openCheckpoint, readAdapter, SequenceGenerator } from "@attune/models";
import { diskFiles } from "@attune/models/node";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDemo, runDemo } from "../../apps/cli/src/recipes/demo.js";
import { openRunModel } from "../../apps/cli/src/recipes/model.js";
import { planRun } from "../../apps/cli/src/recipes/plan.js";
import { prepareRun, tune } from "../../apps/cli/src/recipes/tune.js";
import { loadRun, parseRun } from "../../apps/cli/src/run/load.js";

const RECIPES = fileURLToPath(new URL("../../recipes", import.meta.url));
const FEW = ["train.steps=6", "train.logEvery=2", "data.limit=64", "eval.rows=4", "eval.batch=4", "eval.maxNewTokens=8"];
/** Runs of one name follow one another in a folder. */
const AGAIN = { overwrite: true };
const quiet = { note() {}, step() {}, evaluating() {} };

let device: NodeDevice;
let out: string;
beforeAll(async () => {
  device = await openDevice();
  out = await mkdtemp(path.join(tmpdir(), "attune-runs-"));
});
afterAll(async () => {
  device.destroy();
  await rm(out, { recursive: true });
});

const load = (name: string, overrides: readonly string[] = []) =>
  loadRun(path.join(RECIPES, `${name}.yaml`), {
    overrides: [...FEW, ...overrides, `out=${JSON.stringify(path.join(out, name))}`],
  });

describe.each(["bundled-full", "bundled-lora"])("%s", (name) => {
  it("allocates what its plan says, learns, and writes its results", async () => {
    const prepared = await prepareRun(await load(name));
    const fresh = await openDevice(); // as the plan has it: without what earlier runs left to the engine
    const { liveBytes } = fresh.measured;
    const plan = await planRun(prepared, fresh.facts);
    expect(fresh.measured.liveBytes).toBe(liveBytes); // planning allocates nothing

    const result = await tune(fresh, prepared, quiet, AGAIN);
    const measured = fresh.measured.peakBytes;
    fresh.destroy();
    expect(Math.abs(plan.peakDeviceBytes - measured) / measured).toBeLessThan(0.02);
    expect(plan.trainableParameters).toBe(result.trainableParameters);
    expect(plan.updates).toBe(6);
    expect(result.lastLoss).toBeLessThan(result.firstLoss);
    expect(result.answers.length).toBe(4);

    const read = async (file: string): Promise<string> => readFile(path.join(out, name, file), "utf8");
    const metrics = (await read("metrics.jsonl"))
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const told = metrics.map(({ kind, step }) => [kind, step]);
    expect(told).toEqual([
      ["train", 1],
      ["train", 2],
      ["train", 4],
      ["train", 6],
      ["eval", 6],
    ]); // the first always
    expect(metrics[3]).toMatchObject({ epoch: 6 / 8, examplesSeen: 48, updates: 2, lossEma: expect.any(Number) });
    const { evaluations, scores, ...written } = JSON.parse(await read("result.json"));
    expect(written).toMatchObject({ steps: 6, keptStep: 6, best: null });
    expect(scores).toMatchObject([{ task: null, metric: "rouge", rows: 4 }]);
    expect(evaluations).toEqual([metrics[4]]);
    expect(metrics[4].perplexity).toBeCloseTo(Math.exp(metrics[4].evalLoss), 6);
    expect((await read("samples.jsonl")).trim().split("\n").length).toBe(4);
    expect(await read("run.yaml")).toContain(`name: ${name}`);
  });

  it("leaves no memory behind", async () => {
    const prepared = await prepareRun(await load(name));
    await tune(device, prepared, quiet, AGAIN);
    device.trim();
    const { liveBytes } = device.measured;
    await tune(device, prepared, quiet, AGAIN);
    device.trim();
    expect(device.measured.liveBytes).toBe(liveBytes);
  });

  it("is the same run twice, bit for bit, with dropout", async () => {
    const prepared = await prepareRun(await load(name, ["train.dropout=0.1"]));
    const first = await tune(device, prepared, quiet, AGAIN);
    const second = await tune(device, prepared, quiet, AGAIN);
    expect(second.lastLoss).toBe(first.lastLoss);
    expect(second.answers).toEqual(first.answers);
  });
});

/** How far the peak that a run's plan says is from the one that is counted at createBuffer and destroy, as a share of that. */
async function planError(prepared: Awaited<ReturnType<typeof prepareRun>>): Promise<number> {
  const fresh = await openDevice();
  try {
    const { peakDeviceBytes } = await planRun(prepared, fresh.facts);
    await tune(fresh, prepared, quiet, AGAIN);
    const { peakBytes } = fresh.measured;
    return Math.abs(peakDeviceBytes - peakBytes) / peakBytes;
  } finally {
    fresh.destroy();
  }
}

it.each([
  [
    "blocks computed again, and evaluations that answer on the way",
    "bundled-full",
    ["train.gradientCheckpointing=true", "eval.every=2", "eval.generate=true", "eval.generateRows=2"],
  ],
  ["Adafactor beside frozen weights in f16", "bundled-lora", ["train.optimizer=adafactor", "train.frozenStorage=f16"]],
])("a plan holds with %s", async (_, recipe, overrides) => {
  const short = ["train.steps=3", "data.limit=24", "train.batch=4", "train.logEvery=1"];
  expect(await planError(await prepareRun(await load(recipe, [...overrides, ...short])))).toBeLessThan(0.02);
});

it("pre-trains by span corruption", async () => {
  const run = await load("bundled-base", [
    "model.init.config.num_layers=1",
    "model.init.config.num_decoder_layers=1",
    "data.limit=200",
  ]);
  const result = await tune(device, await prepareRun(run), quiet, AGAIN);
  expect(result.lastLoss).toBeLessThan(result.firstLoss);
  expect(result.scores).toEqual([]); // no validation set
  expect(result.evaluations).toEqual([]);
});

it("saves an adapter that is read back for the same base", async () => {
  const run = await load("bundled-lora");
  const prepared = await prepareRun(run);
  const { savedTo } = await tune(device, prepared, quiet, AGAIN);
  const { model, lora, dispose } = await openRunModel(device, run, prepared.files);
  const linears = [...model.weights].filter(([, weight]) => weight.shape.length === 2);
  expect(linears.length).toBeGreaterThan(0);
  const adapter = await readAdapter(
    diskFiles(savedTo),
    linears.map(([name, { shape }]) => ({ path: name.replace(/\.weight$/, ""), outFeatures: shape[0]!, inFeatures: shape[1]! })),
  );
  expect(adapter.config.rank).toBe(16);
  expect(lora).not.toBeNull();
  dispose();
});

it("shows base, full and LoRA beside what needs no model", async () => {
  void device.empty; // made on first use and kept: no leak
  device.trim();
  const { liveBytes } = device.measured;
  const { rows, references } = await runDemo(
    device,
    await prepareDemo(RECIPES, path.join(out, "demo"), [...FEW, "train.steps=2"]),
  );
  device.trim();
  expect(device.measured.liveBytes).toBe(liveBytes); // else one model's peak would hold another's memory
  expect(rows.map(({ name }) => name)).toEqual(["lead-1", "lead-3", "longest turn", "random summary", "base", "full", "LoRA"]);
  expect(references.length).toBe(4);
  for (const { scores } of rows) expect(scores.rouge1).toBeGreaterThanOrEqual(0);
  expect(rows[5]!.trainableParameters).toBeGreaterThan(10 * rows[6]!.trainableParameters!);
  expect(rows[5]!.peakDeviceBytes).toBeGreaterThan(rows[6]!.peakDeviceBytes!);
});

it("tunes to at least 5 ROUGE-1 points above what needs no model, with varied answers", async (context) => {
  if (!process.env.ATTUNE_LONG) context.skip("takes minutes: npm run test:long");
  const { rows } = await runDemo(device, await prepareDemo(RECIPES, path.join(out, "whole-demo"), []));
  const best = Math.max(...rows.slice(0, 4).map(({ scores }) => scores.rouge1));
  for (const { name, scores } of rows.slice(-2)) {
    expect(scores.rouge1, name).toBeGreaterThan(best + 5);
    expect(scores.distinct, name).toBeGreaterThanOrEqual(0.9);
  }
}, 900_000);

it("the bundled base is a whole Hugging Face folder", async () => {
  const source = diskFiles(path.join(RECIPES, "..", "data", "bundled", "base"));
  const tokenizer = await loadTokenizer(source);
  const checkpoint = await openCheckpoint(source);
  expect([...checkpoint.tensors.values()].every(({ dtype }) => dtype === "BF16")).toBe(true);
  expect(tokenizer.sentinelIds?.length).toBe(100);
  const bytes = [...checkpoint.tensors.values()].reduce((sum, { begin, end }) => sum + end - begin, 0);
  expect(bytes).toBeLessThan(4 * 2 ** 20);
  const prepared = await prepareRun(await load("bundled-full"));
  const { model, dispose } = await openRunModel(device, prepared.run, prepared.files);
  const generator = new SequenceGenerator(device, model);
  const ids = tokenizer.encode("Ruth: Hello.\nSummary: <extra_id_0>");
  const { sequences } = await generator.generate({ rows: 1, inputIds: Int32Array.from(ids) }, { maxNewTokens: 4 });
  expect(sequences[0]![0]).toBe(0);
  generator.dispose();
  dispose();
});

describe("OPT", () => {
  const tokenizer = fileURLToPath(new URL("../../../shared/data/tokenizers/opt", import.meta.url));
  const why = existsSync(tokenizer) ? "" : ` (skipped: ${tokenizer} is not there)`;

  it.skipIf(why !== "")(`trains anew, then through DoRA on what was saved, and its plan holds${why}`, async () => {
    const words = ["up", "down", "flat"];
    const rows = Array.from({ length: 48 }, (_, i) => ({ text: `Sales went ${words[i % 3]} by ${i} %.`, label: words[i % 3] }));
    const data = path.join(out, "opt.jsonl");
    await writeFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const sizes = { hidden_size: 32, word_embed_proj_dim: 32, num_hidden_layers: 1, ffn_dim: 64, num_attention_heads: 2 };
    const runOf = (name: string, model: unknown, lora: unknown, steps: number, accumulate = 1) =>
      parseRun(
        JSON.stringify({
          name, model, lora,
          data: { train: data, validation: data, template: { prompt: "{text}\nDirection:", completion: " {label}" }, maxSource: 40, packing: accumulate > 1 },
          train: { steps, batch: 4, accumulate, logEvery: 10, lr: 1e-2, schedule: "constant", warmup: 0 },
          eval: { rows: 4, batch: 4, maxNewTokens: 2 },
          out: path.join(out, name),
        }),
        { file: path.join(out, `${name}.yaml`) },
      ); // biome-ignore format: by subject
    const init = { config: { model_type: "opt", max_position_embeddings: 64, ...sizes }, tokenizer };
    const whole = await tune(device, await prepareRun(runOf("opt", { init }, null, 16)), quiet, AGAIN);
    expect(whole.lastLoss).toBeLessThan(whole.firstLoss);
    // several sequences a row, two micro-batches an update
    expect(await planError(await prepareRun(runOf("opt-packed", { init }, null, 2, 2)))).toBeLessThan(0.02);
    const prepared = await prepareRun(
      runOf("opt-lora", { path: whole.savedTo }, { rank: 4, dora: true, targets: "all-linear" }, 40),
    );
    const fresh = await openDevice();
    const plan = await planRun(prepared, fresh.facts);
    const tuned = await tune(fresh, prepared, quiet, AGAIN);
    expect(Math.abs(plan.peakDeviceBytes - fresh.measured.peakBytes) / fresh.measured.peakBytes).toBeLessThan(0.02);
    fresh.destroy();
    expect(tuned.trainableParameters).toBe(4 * (4 * 64 + 32) + (4 * 96 + 64) + (4 * 96 + 32));
    expect(tuned.lastLoss).toBeLessThan(tuned.firstLoss);
    expect(tuned.answers).toHaveLength(4);
  });
});
