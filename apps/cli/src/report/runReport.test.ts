import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { classesOf, quantilesOf } from "../recipes/about.js";
import { countAnswers } from "../recipes/data.js";
import { readRunReport } from "./runReport.js";
import { servePage } from "./serve.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-report-"));
});
afterEach(() => rm(folder, { recursive: true }));
const write = async (files: Record<string, string>) => {
  await mkdir(path.join(folder, "evaluations"), { recursive: true });
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(path.join(folder, name), text)));
};
const lines = (...rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const sample = { id: "a", prompt: "p", reference: "r", output: "o" };

test("a run's files, with what is damaged left out", async () => {
  await write({
    "run.yaml": "name: mine\nmodel: {path: m}\ndata: {train: hf_abcdefghijklmnopqrstuvwxyz0123456789}\n",
    "metrics.jsonl": `${lines(
      { kind: "train", step: 1, loss: 4, lossEma: 4, lr: 1, gradNorm: 2, tokensPerSecond: 5, seconds: 2, tokens: 10 },
      { step: 2, loss: 3, seconds: 3, tokens: 15 }, // of older programs
      { kind: "train", step: "3" },
      [1],
      { kind: "eval", step: 2, evalLoss: 2.5, tasks: { one: { evalLoss: 1 }, two: null }, metrics: { f1: 0.5, bad: "x" } },
      { kind: "eval", step: 4, evalLoss: null, seconds: 7 },
    )}{"kind": "train", "step": 9, "lo`,
    "evaluations/step-000002.jsonl": lines(sample, { id: 1 }, { ...sample, reference: ["r", 2, "s"] }),
    "evaluations/step-000099.jsonl": lines(sample),
    "samples.jsonl": lines(...Array.from({ length: 60 }, () => sample)),
    "about.json": '{"totalSteps": 8}',
    "result.json": '{"trainSeconds": 3}',
  });
  const report = await readRunReport(folder);
  expect(report).toMatchObject({
    state: "done",
    totalSteps: 8,
    sampleCount: 60,
    about: { totalSteps: 8 },
    result: { trainSeconds: 3 },
  });
  expect(report.train).toEqual({
    steps: [1, 2],
    loss: [4, 3],
    lossEma: [4, null],
    lr: [1, null],
    gradNorm: [2, null],
    tokensPerSecond: [5, null],
  });
  expect(report.cost).toEqual({ trainSeconds: 5, tokens: 25, evalSeconds: 7 });
  expect(report.samples).toHaveLength(50);
  expect(report.evaluations).toEqual([
    {
      step: 2,
      loss: 2.5,
      values: { "one loss": 1, "two loss": null, f1: 0.5, bad: null },
      samples: [
        { id: "a", prompt: "p", references: ["r"], output: "o" },
        { id: "a", prompt: "p", references: ["r", "s"], output: "o" },
      ],
    },
    { step: 4, loss: null, values: {}, samples: [] },
  ]);
  expect(report.config).not.toContain("hf_abcdef");
});

test("a long run is thinned, and its last report kept; an empty folder is a report, too", async () => {
  await write({ "metrics.jsonl": lines(...Array.from({ length: 4500 }, (_, i) => ({ kind: "train", step: i + 1, loss: i }))) });
  const { train } = await readRunReport(folder);
  expect(train.steps.length).toBeLessThanOrEqual(2000);
  expect([train.steps[0], train.steps.at(-1), train.loss.at(-1)]).toEqual([1, 4500, 4499]);
  await rm(path.join(folder, "metrics.jsonl"));
  expect(await readRunReport(folder)).toMatchObject({
    state: "damaged",
    step: null,
    train: { steps: [] },
    evaluations: [],
    about: null,
  });
});

test("served on loopback alone, to who asks for it by that name", async () => {
  const served = await servePage({ html: async () => "<p>", json: () => Promise.reject(new Error("gone")) });
  const ask = (url: string, host?: string, method = "GET") =>
    new Promise<{ code: number; text: string; address: string }>((resolve, reject) => {
      const asked = request(new URL(url, served.url), { method, headers: host ? { host } : {} }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve({ code: response.statusCode!, text, address: response.socket?.remoteAddress ?? "" }));
      });
      asked.on("error", reject).end();
    });
  expect(served.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  expect(await ask("/")).toMatchObject({ code: 200, text: "<p>" });
  expect(await ask("/", "evil.example")).toMatchObject({ code: 403 });
  expect(await ask("/", undefined, "POST")).toMatchObject({ code: 405 });
  expect(await ask("/../run.yaml")).toMatchObject({ code: 404 });
  expect(await ask("/data.json")).toMatchObject({ code: 500, text: "gone\n" });
  const port = Number(new URL(served.url).port);
  await expect(servePage({ html: async () => "", json: async () => "" }, port)).rejects.toMatchObject({ exitClass: "usage" });
  await served.close();
  await expect(ask("/")).rejects.toThrow();
});

test("what a data set's card says of lengths and classes", () => {
  expect(quantilesOf([5, 1, 3, 2, 4])).toEqual({ min: 1, median: 3, p95: 5, max: 5 });
  const classes = (answers: string[]) => classesOf(countAnswers(answers.map((completion) => ({ completion }))));
  expect(classes(["up", "down", "up", "up"])).toEqual([
    { name: "up", count: 3 },
    { name: "down", count: 1 },
  ]);
  expect(classes(["a", "b", "c"])).toBeNull(); // each once: texts
  expect(classes(["a", "a"])).toBeNull();
  expect(classes(Array.from({ length: 500 }, (_, i) => `${i % 50}`))).toBeNull();
});
