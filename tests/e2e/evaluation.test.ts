// Runs that are evaluated on the way: what it costs the training (no bit), what it decides, and what is kept.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { About } from "../../apps/cli/src/recipes/about.js";
import type { EvaluationRecord } from "../../apps/cli/src/recipes/evaluations.js";
import { prepareRun, type TuneListener, type TuneResult, tune } from "../../apps/cli/src/recipes/tune.js";
import { readRunReport } from "../../apps/cli/src/report/runReport.js";
import { loadRun, parseRun } from "../../apps/cli/src/run/load.js";

const RECIPES = fileURLToPath(new URL("../../recipes", import.meta.url));
const FEW = [
  "train.steps=5", "train.logEvery=4", "train.dropout=0.1", "data.limit=24", "save.every=null",
  "eval.rows=6", "eval.batch=4", "eval.maxNewTokens=4",
]; // biome-ignore format: few lines
const quiet: TuneListener = { note() {}, step() {}, evaluating() {} };

let device: NodeDevice;
let out: string;
beforeAll(async () => {
  device = await openDevice();
  out = await mkdtemp(path.join(tmpdir(), "attune-evaluation-"));
});
afterAll(async () => {
  device.destroy();
  await rm(out, { recursive: true });
});

interface Ran {
  result: TuneResult;
  notes: string[];
  folder: string;
}

/** The bundled LoRA run, a few updates of it, in a folder of its own. */
async function runOf(
  folder: string,
  overrides: readonly string[],
  listener: Partial<TuneListener> = {},
  start = {},
): Promise<Ran> {
  const at = path.join(out, folder);
  const run = await loadRun(path.join(RECIPES, "bundled-lora.yaml"), {
    overrides: [...FEW, ...overrides, `out=${JSON.stringify(at)}`],
  });
  const notes: string[] = [];
  const heard: TuneListener = { ...quiet, note: (text) => notes.push(text), ...listener };
  return { result: await tune(device, await prepareRun(run), heard, start), notes, folder: at };
}

const weightsOf = ({ folder }: Pick<Ran, "folder">): Promise<Buffer> =>
  readFile(path.join(folder, "adapter/adapter_model.safetensors"));
const recordsOf = async ({ folder }: Pick<Ran, "folder">): Promise<(EvaluationRecord & { loss?: number })[]> =>
  (await readFile(path.join(folder, "metrics.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
const losses = ({ result }: Ran): number[] => result.evaluations.map(({ evalLoss }) => evalLoss);
/** Without what a clock says. */
const untimed = ({ result }: Ran) => result.evaluations.map(({ seconds: _, ...rest }) => rest);

describe("evaluations on the way", () => {
  let plain: Ran;
  let often: Ran;
  beforeAll(async () => {
    plain = await runOf("plain", []);
    often = await runOf("often", ["eval.every=2", "eval.best=null", "eval.generate=true", "eval.generateRows=3"]);
  });

  it("change no bit of the training, with dropout and answers", async () => {
    expect(Buffer.compare(await weightsOf(often), await weightsOf(plain))).toBe(0);
    expect(often.result.lastLoss).not.toBeNaN();
  });

  it("with first begin before the first update: no bit of the training changes, and it is never the best one", async () => {
    const first = await runOf("first", [
      "eval.first=true",
      "eval.every=5",
      "train.lr=1e-30",
      "eval.generate=true",
      "eval.generateRows=3",
    ]);
    expect((await recordsOf(first)).map(({ kind, step }) => `${kind} ${step}`)).toEqual([
      "eval 0",
      "train 1",
      "train 4",
      "train 5",
      "eval 5",
    ]);
    expect(losses(first)[0]).toBe(losses(first)[1]); // at such a rate nothing is learnt, so the first would be the best
    expect(first.result.best).toMatchObject({ step: 5 });
    const learning = await runOf("first and on", ["eval.first=true"]);
    expect(Buffer.compare(await weightsOf(learning), await weightsOf(plain))).toBe(0);
    expect(losses(learning)[1]).toBe(losses(plain)[0]);
  });

  it("are told in metrics.jsonl and result.json, with the losses in both forms and the values of the metric", async () => {
    const records = await recordsOf(often);
    const told = records.filter(({ kind }) => kind === "eval");
    expect(told.map(({ step }) => step)).toEqual([2, 4, 5]);
    expect(records.map(({ kind, step }) => `${kind} ${step}`).slice(0, 4)).toEqual(["train 1", "train 2", "eval 2", "train 4"]);
    for (const { evalLoss, perplexity, evalLossOfBatches, tokens, metrics, epoch, step } of told) {
      expect(perplexity).toBeCloseTo(Math.exp(evalLoss), 6);
      expect(Math.abs(evalLossOfBatches - evalLoss) / evalLoss).toBeLessThan(0.2);
      expect(evalLossOfBatches).not.toBe(evalLoss); // two batches of unlike size
      expect(tokens).toBeGreaterThan(6);
      expect(Object.keys(metrics!)).toEqual(["rouge1", "rouge2", "rougeL", "rougeLsum"]);
      expect(epoch).toBe(step / 3);
    }
    expect(JSON.parse(await readFile(path.join(often.folder, "result.json"), "utf8")).evaluations).toEqual(told);
    expect(losses(often).at(-1)).toBe(losses(plain).at(-1)); // the last one is that of a run that has no other
  });

  it("keep their answers, and TensorBoard's files their numbers; the report has it all", async () => {
    const report = await readRunReport(often.folder);
    expect(report).toMatchObject({ state: "done", step: 5, totalSteps: 5, sampleCount: 6 });
    expect(report.evaluations.map(({ step, samples }) => [step, samples.length])).toEqual([
      [2, 3],
      [4, 3],
      [5, 3],
    ]);
    // the weights of the last evaluation are those of the end
    expect(report.evaluations.at(-1)!.samples).toEqual(report.samples.slice(0, 3));
    expect(report.evaluations.map(({ loss }) => loss)).toEqual(losses(often));
    expect(report.train.steps).toEqual([1, 2, 4, 5]);
    const { environment, data } = report.about as unknown as About;
    expect(environment.adapter).toEqual(device.facts.adapter);
    expect(environment.webgpu).toMatch(/^\d+\.\d+\.\d+/);
    expect(data.endsLearnt).toBe(data.examples);
    expect(data.files["data.train"]).toMatch(/^\d+ bytes, sha256 [0-9a-f]{64}$/);
    const [events, ...others] = await readdir(path.join(often.folder, "tensorboard"));
    expect(others).toEqual([]);
    const bytes = await readFile(path.join(often.folder, "tensorboard", events!));
    for (const tag of ["train/loss", "train/grad_norm", "eval/loss", "eval/rougeLsum"]) expect(bytes.includes(tag)).toBe(true);
  });
});

describe("the best evaluation", () => {
  // a rate that rises until it spoils the model
  const spoiling = ["train.lr=0.2", "train.warmup=0.9", "eval.every=1", "train.clipNorm=null"];
  let whole: Ran;
  const flags: boolean[] = [];
  beforeAll(async () => {
    whole = await runOf("best", spoiling, { evaluated: (_, isBest) => flags.push(isBest) });
  });

  it("is the least loss; its weights are saved, and its checkpoint stays", async () => {
    const found = losses(whole);
    const least = found.indexOf(Math.min(...found)) + 1;
    expect(least).toBeLessThan(4); // else nothing is tested
    expect(whole.result).toMatchObject({
      steps: 5,
      keptStep: least,
      best: { name: "loss", step: least, value: found[least - 1] },
    });
    expect(flags.lastIndexOf(true)).toBe(least - 1);
    expect(whole.notes.join("\n")).toMatch(new RegExp(`the weights of step ${least} are kept: its loss of`));
    expect(await readdir(path.join(whole.folder, "checkpoints"))).toContain(`step-${String(least).padStart(6, "0")}`);
    // the same weights as the run had then
    const controller = new AbortController();
    const shorter = runOf("shorter", [...spoiling, "eval.best=null"], {
      evaluated: ({ step }) => step === least && controller.abort(new Error("here")),
    }, { signal: controller.signal }); // biome-ignore format: reads like a sentence
    await expect(shorter).rejects.toThrow("here");
    expect(Buffer.compare(await weightsOf(whole), await weightsOf({ folder: path.join(out, "shorter") }))).toBe(0);
  });

  it("stays while newer checkpoints go", async () => {
    const kept = await runOf("pruned", [...spoiling, "save.every=1", "save.keep=1"]);
    const { step } = kept.result.best!;
    const names = await readdir(path.join(kept.folder, "checkpoints"));
    expect(names.sort()).toEqual([...new Set([step, 5])].map((one) => `step-${String(one).padStart(6, "0")}`));
    expect(Buffer.compare(await weightsOf(kept), await weightsOf(whole))).toBe(0);
  });

  it("is chosen, and the run stopped, by a resumed run as by the unbroken one", async () => {
    const stopping = [...spoiling, "save.every=1", "train.earlyStopping={patience: 2, minDelta: 0.0}"];
    const unbroken = await runOf("early", stopping);
    expect(unbroken.result.steps).toBeLessThan(5);
    expect(unbroken.result.steps).toBe(unbroken.result.keptStep + 2);
    expect(unbroken.notes.join("\n")).toMatch(/stopped early after step \d: 2 evaluations without a better loss/);

    // interrupted in the middle of an evaluation, which the resumed run does first
    const controller = new AbortController();
    const at = unbroken.result.keptStep + 1;
    let step = 0;
    const interrupted = runOf("early-broken", stopping, {
      step: (record) => {
        step = record.step;
      },
      evaluating: () => step === at && controller.abort(new Error("stopped by a test")),
    }, { signal: controller.signal }); // biome-ignore format: reads like a sentence
    await expect(interrupted).rejects.toThrow("stopped by a test");
    const resumed = await runOf("early-broken", stopping, {}, { resume: true });
    expect(untimed(resumed)).toEqual(untimed(unbroken));
    expect(resumed.result).toMatchObject({ steps: unbroken.result.steps, best: unbroken.result.best });
    expect(Buffer.compare(await weightsOf(resumed), await weightsOf(unbroken))).toBe(0);
    const bare = async (ran: Ran) => (await recordsOf(ran)).map(({ kind, step, loss, evalLoss }) => [kind, step, loss, evalLoss]);
    expect(await bare(resumed)).toEqual(await bare(unbroken));

    // what decides is part of the run
    await expect(runOf("early-broken", [...stopping, "eval.every=3"], {}, { resume: true })).rejects.toThrow(
      /eval.every was 1 and is 3/,
    );
    // and a run that was stopped stays so
    const again = await runOf("early-broken", stopping, {}, { resume: true });
    expect(again.result).toMatchObject({ steps: unbroken.result.steps, keptStep: unbroken.result.keptStep });
  });

  it("that cannot be read any more is told, and the last weights are kept", async () => {
    const best = `step-${String(whole.result.best!.step).padStart(6, "0")}`;
    await writeFile(path.join(out, "pruned/checkpoints", best, "trainer.safetensors"), "short");
    const { result, notes } = await runOf("pruned", [...spoiling, "save.every=1", "save.keep=1"], {}, { resume: true });
    expect(notes.join("\n")).toMatch(/the checkpoint of step \d, the best, cannot be used \(trainer.safetensors has 5 bytes/);
    expect(result.keptStep).toBe(5);
  });
});

describe("what a run may ask of evaluations", () => {
  const base = "model: {path: m}\ndata: {train: t.jsonl, validation: v.jsonl}\n";
  const told = (more: string, from = base): string => {
    try {
      parseRun(from + more, { file: "run.yaml" });
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  it.each([
    ["train: {earlyStopping: {}}", /train.earlyStopping counts evaluations: say how often in eval.every/],
    ["eval: {best: loss}", /eval.best chooses among several evaluations: say how often in eval.every/],
    ["eval: {every: 5, best: rougeL}", /eval.best is rougeL, which is judged by answers: set eval.generate to true/],
    ["eval: {every: 5, best: null}\ntrain: {earlyStopping: {}}", /train.earlyStopping needs eval.best, which is null/],
    ["eval: {every: 1.5}", /eval.every must be a share below 1 or a whole number of updates/],
    ["eval: {metric: rogue}", /eval.metric must be one of rouge, .*, not rogue/],
  ])("%s", (more, message) => expect(told(more)).toMatch(message));
  it("wants rows to evaluate on", () => {
    expect(told("eval: {every: 5}", "model: {path: m}\ndata: {train: t.jsonl}\n")).toMatch(
      /eval.every wants rows to evaluate on/,
    );
  });
  it("refuses a best value that is not measured, before there is a device", async () => {
    await expect(runOf("unknown", ["eval.every=2", "eval.generate=true", "eval.best=rouge9"])).rejects.toThrow(
      /eval.best: rouge9 is no value that is measured; there are loss, rouge1, rouge2, rougeL, rougeLsum/,
    );
  });
});
