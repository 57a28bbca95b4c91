// A canary in the environment and in the rows of a run: no file or line that a run, its continuation and its report give shows it. And
// what only looks like a secret stays as it is: the run is gone on with from its own run.yaml.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { attuneInTurn } from "./attune.js";
import { writeTinyModel } from "./tinyModel.js";

const folder = await mkdtemp(path.join(tmpdir(), "attune-secrets-"));
afterAll(() => rm(folder, { recursive: true }));
const at = (...parts: string[]) => path.join(folder, ...parts);

const TOKEN = `hf_${"canary".repeat(6)}`;
const PASSWORD = "canary-0-password";
/** Rows are the user's own, and stay what they are where they stand beside their answers. */
const ROWS = /samples\.jsonl$|evaluations\//;

test("a run with secrets around it", async () => {
  await writeTinyModel(at("model"));
  const rows = Array.from({ length: 4 }, (_, i) => ({ q: i === 0 ? TOKEN : "abc", a: i % 2 ? "a" : "b" }));
  await writeFile(at("rows.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  await writeFile(
    at("run.yaml"),
    `model: {path: model}
data:
  train: rows.jsonl
  validation: rows.jsonl
  template: {prompt: "Basic arithmetic: {q}", completion: "{a}"}
train: {steps: 2, batch: 2, logEvery: 1}
eval: {every: 1, generate: true, maxNewTokens: 2, metric: exact_match}
save: {every: 1}
`,
  );
  const out = at("out");
  const env = { ...process.env, HF_TOKEN: TOKEN, DB_PASSWORD: PASSWORD };
  const ended = await attuneInTurn(
    [
      ["train", at("run.yaml"), "--out", out],
      ["resume", out],
      ["report", out],
      ["config", path.join(out, "run.yaml")],
      ["train", at("run.yaml"), "--out", at(PASSWORD)],
      ["train", at("run.yaml"), `data.train=${at(TOKEN, "rows.jsonl")}`, "--out", at("other")],
    ],
    env,
  );
  const said = ended.map(({ stdout, stderr }) => `${stdout}\n${stderr}`).join("\n");
  expect(
    ended.map(({ code }) => code),
    said,
  ).toEqual([0, 0, 0, 0, 2, 2]);
  expect(said).not.toContain("canary");
  expect(ended[1]!.stderr).toMatch(/resumed at step 2/);
  expect(ended[3]!.stdout).toContain("Basic arithmetic: {q}");
  expect(ended[4]!.stderr).toMatch(/command line: out holds the value of DB_PASSWORD/);
  expect(ended[5]!.stderr).toMatch(/command line: data\.train holds the value of HF_TOKEN/);

  const files = (await readdir(out, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
  const seen: string[] = [];
  for (const file of files.filter((name) => !ROWS.test(name))) {
    expect((await readFile(file)).includes("canary"), file).toBe(false);
    seen.push(path.basename(file));
  }
  for (const name of ["run.yaml", "about.json", "metrics.jsonl", "checkpoint.json", "result.json", "report.html"])
    expect(seen).toContain(name);
  expect(seen.some((name) => name.includes("tfevents"))).toBe(true);
  // the canary was where it could have come from
  expect(await readFile(path.join(out, "samples.jsonl"), "utf8")).toContain("canary");
});
