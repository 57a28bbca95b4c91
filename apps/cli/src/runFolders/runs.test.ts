import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { lockFolder } from "@attune/tuning/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clean, planCleaning } from "./cleanRuns.js";
import { findRuns, type RunRecord } from "./readRuns.js";
import { cleaningText, runsText, runText, sizesText } from "./text.js";

const root = mkdtempSync(path.join(tmpdir(), "attune-runs-"));
afterAll(() => rmSync(root, { recursive: true }));

const YAML = 'model: {path: org/m}\ndata: {train: t.jsonl, template: {prompt: "{a}", completion: "{b}"}}\nlora: {rank: 4}\n';
function write(run: string, files: Record<string, string>): string {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, run, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return path.join(root, run);
}
const checkpoint = (step: number, bytes: number) => ({
  [`checkpoints/step-${String(step).padStart(6, "0")}/trainer.safetensors`]: "x".repeat(bytes),
});
const metrics = (...losses: number[]) => losses.map((loss, i) => `${JSON.stringify({ step: 10 * (i + 1), loss })}\n`).join("");

const SCORES = [{ task: null, metric: "rouge", headline: "rougeL", values: { rouge1: 0.5, rougeL: 0.123456 } }];

let unlock: () => Promise<void>;
beforeAll(async () => {
  write("a-done", {
    "run.yaml": YAML,
    "metrics.jsonl": metrics(3, 2),
    "result.json": JSON.stringify({ steps: 20, firstLoss: 3, trainSeconds: 75, scores: SCORES, savedTo: "here" }),
    "adapter/adapter_model.safetensors": "y".repeat(1000),
    ...checkpoint(10, 500),
    ...checkpoint(20, 600),
  });
  write("b-stopped", {
    "run.yaml": YAML,
    "metrics.jsonl": `${metrics(3)}{"step": 11, "lo`,
    ...checkpoint(5, 100),
    ...checkpoint(10, 200),
  });
  const progress = { selection: { best: { step: 2, value: 1 } } };
  write("f-best", {
    "run.yaml": YAML,
    ...checkpoint(1, 10),
    ...checkpoint(2, 20),
    ...checkpoint(3, 30),
    "checkpoints/step-000003/checkpoint.json": JSON.stringify({ record: { progress } }),
  });
  write("deep/c-begun", { "run.yaml": YAML, "result.json": "[1" });
  write("d-damaged", { "run.yaml": "model: [1\n", ...checkpoint(1, 10), ...checkpoint(2, 10) });
  const running = write("e-running", { "run.yaml": YAML, ...checkpoint(1, 10), ...checkpoint(2, 10) });
  unlock = await lockFolder(running);
});
afterAll(() => unlock());

const byName = (runs: readonly RunRecord[]) => Object.fromEntries(runs.map((run) => [path.basename(run.folder), run]));

describe("what there is", () => {
  test("states, steps, losses and sizes, from files that may be cut short or damaged", async () => {
    const runs = byName(await findRuns(root));
    expect(Object.fromEntries(Object.entries(runs).map(([name, { state, step, loss }]) => [name, [state, step, loss]]))).toEqual({
      "a-done": ["done", 20, 2],
      "b-stopped": ["stopped", 10, 3],
      "c-begun": ["begun", null, null],
      "d-damaged": ["damaged", null, null],
      "e-running": ["running", null, null],
      "f-best": ["stopped", null, null],
    });
    expect(runs["a-done"]!.bytes).toMatchObject({ checkpoints: 1100, byCheckpoint: [500, 600], result: 1000 });
    expect(runs["d-damaged"]!.fault).toMatch(/run\.yaml:/);
    expect(await findRuns(path.join(root, "none"))).toEqual([]);
  });

  test("as text", async () => {
    const runs = await findRuns(root);
    const list = runsText(runs).split("\n");
    expect(list).toHaveLength(8);
    expect(list[2]).toMatch(/a-done +done +LoRA 4 +20 +2\.000 +rougeL 0\.1235/);
    expect(list[3]).toMatch(/b-stopped +stopped, resumes at 10/);
    const { "a-done": done, "b-stopped": stopped, "d-damaged": damaged } = byName(runs);
    expect(runText(done!)).toMatch(/loss +3\.000 -> 2\.000/);
    expect(runText(done!)).toMatch(/time +1 min 15 s/);
    expect(runText(stopped!)).toMatch(/attune resume .*b-stopped$/);
    expect(runText(damaged!)).toMatch(/state +damaged: .*run\.yaml/);
    expect(sizesText(runs).split("\n").at(-1)).toMatch(/^all +11 +1\.\d+ KiB/);
  });
});

describe("old checkpoints", () => {
  test("what goes: all but the newest, of unfinished runs never the last, of running and damaged ones none", async () => {
    const steps = async (keep: number) =>
      Object.fromEntries(
        planCleaning(await findRuns(root), keep).map(({ folder, steps: gone }) => [path.basename(folder), gone]),
      );
    expect(await steps(1)).toEqual({
      "a-done": [10],
      "b-stopped": [5],
      "c-begun": [],
      "d-damaged": [],
      "e-running": [],
      "f-best": [1],
    });
    expect(await steps(0)).toMatchObject({ "a-done": [10, 20], "b-stopped": [5] });
    expect(await steps(2)).toMatchObject({ "a-done": [], "b-stopped": [] });
    const text = cleaningText(planCleaning(await findRuns(root), 1));
    expect(text).toMatch(/a-done: checkpoints of step 10 \(500 B\)\n.*b-stopped: checkpoints of step 5/);
    expect(text).toMatch(/e-running: left alone, it is running/);
  });

  test("they are removed, and only they; a run that has begun since the plan was made keeps its own", async () => {
    const plan = planCleaning(await findRuns(root), 1);
    const release = await lockFolder(path.join(root, "b-stopped"));
    const faults = await clean(plan);
    await release();
    expect(faults).toEqual([
      { folder: path.join(root, "b-stopped"), fault: expect.stringMatching(/another run is writing here/) },
    ]);
    expect(readdirSync(path.join(root, "b-stopped", "checkpoints"))).toHaveLength(2);
    expect(readdirSync(path.join(root, "a-done", "checkpoints"))).toEqual(["step-000020"]);
    expect(existsSync(path.join(root, "a-done", ".lock"))).toBe(false);
    expect(readdirSync(path.join(root, "e-running", "checkpoints"))).toHaveLength(2);
  });
});
