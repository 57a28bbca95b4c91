import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { DeviceFacts } from "@attune/kernels-wgsl";
import type { Trainer } from "@attune/tuning";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseRun } from "../run/load.js";
import type { Run } from "../run/schema.js";
import { checkDisk } from "./diskCheck.js";
import { openRunFolder, type StartOptions } from "./runFolder.js";
import { NO_PROGRESS } from "./runProgress.js";

let root: string;
let notes: string[];
const at = (...parts: string[]) => path.join(root, ...parts);
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), "attune-run-folder-"));
  notes = [];
  await mkdir(at("tokenizer"));
  await writeFile(at("tokenizer", "tokenizer.json"), "{}");
  await writeFile(at("rows.jsonl"), '{"a":"1","b":"2"}\n');
});
afterEach(() => rm(root, { recursive: true }));

function runWith(change: (run: Run) => void = () => {}): Run {
  const run = parseRun(
    `name: r
model: {init: {config: {model_type: t5, vocab_size: 8, d_model: 8}, tokenizer: ${at("tokenizer")}}}
data: {train: ${at("rows.jsonl")}, template: {prompt: "{a}", completion: "{b}"}}
out: ${at("out")}
`,
    { file: at("run.yaml") },
  );
  change(run);
  return run;
}

/** As far as a folder knows it: it has done so many updates, and has nothing to store. */
const trainerAt = (step: number) =>
  ({ step, stored: [], counters: async () => ({ step, good: step, skipped: 0, grown: 0, scale: 1 }) }) as unknown as Trainer;
const ADAPTER = { vendor: "v", architecture: "a", device: "d", description: "" };
const FACTS = { adapter: ADAPTER, features: new Set() } as unknown as DeviceFacts;
const open = (run: Run, options: StartOptions = {}) => openRunFolder(run, FACTS, options, (line) => void notes.push(line));

async function made(...names: string[]): Promise<void> {
  for (const name of names)
    if (name.includes(".")) await writeFile(at("out", name), "{}\n");
    else await mkdir(at("out", name), { recursive: true });
}

test("two checkpoints that the disk refuses are survived, the third in a row ends the run, one that is saved in between counts anew", async () => {
  const folder = await open(runWith());
  const block = () => writeFile(at("out", "checkpoints"), "a file where the folder belongs");
  await block();
  expect([await folder.save(trainerAt(1), NO_PROGRESS), await folder.save(trainerAt(2), NO_PROGRESS)]).toEqual([false, false]);
  expect(notes).toEqual(
    [1, 2].map((step) => expect.stringMatching(new RegExp(`^no checkpoint at step ${step}: .*; the run goes on$`))),
  );
  expect(folder.savedAt).toBeNull();
  await rm(at("out", "checkpoints"));
  expect(await folder.save(trainerAt(3), NO_PROGRESS)).toBe(true);
  expect(folder.savedAt).toBe(3);
  await rm(at("out", "checkpoints"), { recursive: true });
  await block();
  for (const step of [4, 5]) expect(await folder.save(trainerAt(step), NO_PROGRESS)).toBe(false);
  await expect(folder.save(trainerAt(6), NO_PROGRESS)).rejects.toMatchObject({
    exitClass: "storage",
    message: expect.stringMatching(/3 checkpoints in a row could not be saved$/),
  });
  await folder.close();
});

test("what a run would replace is refused unasked, a model that was put there by hand as well", async () => {
  for (const name of ["model", "adapter", "result.json", "metrics.jsonl"]) {
    await mkdir(at("out"), { recursive: true });
    await made(name);
    await expect(open(runWith())).rejects.toMatchObject({
      exitClass: "usage",
      message: expect.stringContaining(`holds ${name} already; replace it with --overwrite, or name another --out`),
    });
    expect(await readdir(at("out"))).toEqual([name]);
    await rm(at("out"), { recursive: true });
  }
});

test("a resume says why its bits will be others: another adapter, or other measured kernels of the same", async () => {
  const measured = (variants: Record<string, string>, facts = FACTS) =>
    ({ ...facts, tuning: { fingerprint: "f", variants } }) as DeviceFacts;
  const product = "nt f32 f32 64x64x64x1 fours";
  const first = await openRunFolder(runWith(), measured({ [product]: "plain", b: "vector" }), {}, () => {});
  await first.save(trainerAt(3), NO_PROGRESS);
  await first.close();
  const notesWith = async (facts: DeviceFacts) => {
    notes = [];
    await (await openRunFolder(runWith(), facts, { resume: true }, (line) => void notes.push(line))).close();
    return notes;
  };
  expect(await notesWith(measured({ b: "vector", [product]: "plain" }))).toEqual([]);
  for (const facts of [measured({ b: "vector" }), measured({ b: "vector", [product]: "subgroup" })])
    expect(await notesWith(facts)).toEqual([
      `resumed with other measured kernels (ATTUNE_TUNED) for ${product}: close to the run before, but not its bits`,
    ]);
  expect(await notesWith(FACTS)).toEqual([expect.stringContaining(`for ${product}, b: close to the run`)]);
  const other = { ...FACTS, adapter: { ...ADAPTER, description: "driver 2" } };
  expect(await notesWith(other)).toEqual(["resumed on another adapter or driver: close to the run before, but not its bits"]);
});

test("--overwrite leaves nothing of the other run", async () => {
  await mkdir(at("out"));
  await made("model", "adapter", "checkpoints", "tensorboard", "evaluations", "result.json", "samples.jsonl", "metrics.jsonl");
  await made("about.json", "report.html", "crash.json", "mine.txt");
  await (await open(runWith(), { overwrite: true })).close();
  expect(await readdir(at("out"))).toEqual(["mine.txt"]);
});

test("--overwrite never removes what the run itself reads", async () => {
  await mkdir(at("out"));
  await made("model");
  const run = runWith(({ model }) => void Object.assign(model.init!, { tokenizer: at("out", "model") }));
  await writeFile(at("out", "model", "tokenizer.json"), "{}");
  await expect(open(run, { overwrite: true })).rejects.toThrow(/out\/model: is read by this run and would be removed/);
  expect(await readdir(at("out"))).toEqual(["model"]);
});

test("a new model's tokenizer that changed is another run", async () => {
  const first = await open(runWith());
  await first.save(trainerAt(1), NO_PROGRESS);
  await first.close();
  await (await open(runWith(), { resume: true })).close();
  await writeFile(at("tokenizer", "tokenizer.json"), '{"other":1}');
  await expect(open(runWith(), { resume: true })).rejects.toThrow(
    /was made by another run: model\.init\.tokenizer\/tokenizer\.json has other contents/,
  );
});

test("a key that a checkpoint is too old to know has its default, or is another run", async () => {
  const first = await open(runWith());
  await first.save(trainerAt(1), NO_PROGRESS);
  await first.close();
  const file = at("out", "checkpoints", "step-000001", "checkpoint.json");
  const manifest = JSON.parse(await readFile(file, "utf8"));
  delete manifest.record.settings["train.labelSmoothing"];
  delete manifest.record.settings["model.init.tokenizer/tokenizer.json"];
  await writeFile(file, JSON.stringify(manifest));
  await (await open(runWith(), { resume: true })).close();
  const other = runWith(({ train }) => Object.assign(train, { labelSmoothing: 0.1 }));
  await expect(open(other, { resume: true })).rejects.toThrow(/train\.labelSmoothing was nothing and is 0\.1/);
});

test("a disk without room is refused at the start, one with little is told", async () => {
  const run = { out: at("out"), lora: null, save: { every: 10, keep: 2, dtype: "f32" } } as const;
  const sizes = { checkpointBytes: 3000 * 2 ** 20, parameters: 250 * 2 ** 20, trainableParameters: 250 * 2 ** 20, updates: 100 };
  const check = (free: number) => checkDisk(run, sizes, (line) => void notes.push(line), free);
  await expect(check(3500 * 2 ** 20)).rejects.toMatchObject({
    exitClass: "storage",
    message: expect.stringMatching(
      /has 3\.42 GiB free, and the run needs 3\.91 GiB at least \(a checkpoint takes 2\.93 GiB, the result 1000 MiB\)/,
    ),
  });
  await check(5000 * 2 ** 20);
  expect(notes).toEqual([expect.stringMatching(/has 4\.88 GiB free, and 3 checkpoints and the result will take 9\.77 GiB/)]);
  // somebody's own files make no room; checkpoints that are there already need none
  await mkdir(at("out", "checkpoints"), { recursive: true });
  for (const [name, bytes] of [
    ["mine.bin", 20_000],
    ["checkpoints/step.bin", 6000],
  ] as const) {
    await writeFile(at("out", name), "");
    await truncate(at("out", name), bytes * 2 ** 20);
    if (name === "mine.bin") await expect(check(3500 * 2 ** 20)).rejects.toMatchObject({ exitClass: "storage" });
  }
  await check(4100 * 2 ** 20);
  expect(notes).toHaveLength(1);
  await check(11_000 * 2 ** 20);
  expect(notes).toHaveLength(1);
});
