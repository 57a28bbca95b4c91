// attune eval and attune compare from the command line, with a tiny model: records, scores, pages; and one clear line where they cannot be.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { attune, attuneInTurn, type Ended } from "./attune.js";
import { writeTinyModel } from "./tinyModel.js";

let folder: string;
const at = (name: string) => path.join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-eval-"));
  await writeTinyModel(at("model"));
  const rows = ["ab ab", "a long row of words", "c"].map((text, i) => ({ text, label: i === 1 ? "long" : "short" }));
  await writeFile(at("rows.jsonl"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  await writeFile(at("none.jsonl"), '{"title": "x"}\n');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("evaluates a model by answers and by likelihood, and compares both", { timeout: 180_000 }, async () => {
  const task = ["--task", "classification", "--data", at("rows.jsonl"), "--max-new-tokens", "4"];
  const answered = await attune([
    "eval",
    at("model"),
    ...task,
    "--out",
    at("answers"),
    "--shots",
    "1",
    "--shots-from",
    at("rows.jsonl"),
    "--num-beams",
    "2",
  ]);
  expect(answered.code, answered.stderr).toBe(0);
  expect(answered.stdout).toMatch(/classification, 1-shot[\s\S]*accuracy +\d\.\d+ +[\d.]+ to [\d.]+/);
  expect(answered.stdout).toContain("answers name no class: they count as wrong"); // a model of random weights says nothing
  expect((await readdir(at("answers"))).sort()).toEqual(["eval.json", "samples.jsonl"]);
  expect(JSON.parse(await readFile(at("answers/eval.json"), "utf8"))).toMatchObject({ numBeams: 2, template: "task", shots: 1 });
  const samples = (await readFile(at("answers/samples.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(samples.map(({ reference }) => reference)).toEqual(["short", "long", "short"]); // batched by length, back in order
  expect(samples[1].prompt).toMatch(/\n\na long row of words\nLabel:$/);
  expect(samples[0].scores).toEqual({ "classification.correct": expect.any(Number) });

  const likely = await attune([
    "eval",
    at("model"),
    ...task,
    "--method",
    "likelihood",
    "--out",
    at("likely"),
    "--json",
    "--perplexity",
  ]);
  expect(likely.code, likely.stderr).toBe(0);
  const result = JSON.parse(likely.stdout);
  for (const { output, labelScores } of result.records) {
    expect(Object.keys(labelScores)).toEqual(["long", "short"]);
    expect(labelScores[output]).toBe(Math.max(...(Object.values(labelScores) as number[])));
    expect(labelScores[output]).toBeLessThan(0);
  }
  expect(result.scores.map(({ metric }: { metric: string }) => metric)).toEqual(["classification", "perplexity"]);
  // the reference's own perplexity, from the scores of the labels
  const losses = result.records.map(
    (one: { reference: string; labelScores: Record<string, number> }) => -one.labelScores[one.reference]!,
  );
  const { values, signature } = result.scores[1];
  const tokens = Number(/tokens:(\d+)/.exec(signature)![1]);
  expect(values.loss).toBeCloseTo(losses.reduce((a: number, b: number) => a + b, 0) / tokens, 4);

  const words = ["compare", at("answers"), at("likely"), "--samples", "1"];
  const compared = await attune([...words, "--html", at("page.html"), "--markdown"]);
  expect(compared.code, compared.stderr).toBe(0);
  expect(compared.stdout).toMatch(/^# classification, 3 examples\n/);
  expect(compared.stdout).toMatch(/\| classification accuracy p \| {2}\| [\d.< ]+ \|/);
  expect(await readFile(at("page.html"), "utf8")).toMatch(/^<!doctype html>[\s\S]*default-src 'none'/);
  const csv = await attune([...words, "--csv"]);
  expect(csv.stdout.split("\r\n")[0]).toMatch(/^system,classification accuracy,classification accuracy 95 %/);
});

it("refuses what cannot be evaluated or compared in one line, before a device is opened", { timeout: 60_000 }, async () => {
  await writeFile(at("broken.jsonl"), "");
  const cases: [words: string, code: number, line: RegExp][] = [
    ["eval @/model", 2, /needs|is evaluated on a --task and on --data/],
    ["eval @/model --task sorting --data @/rows.jsonl", 2, /no task named sorting; there are summarization, /],
    [
      "eval @/model --task translation --data @/rows.jsonl",
      2,
      /rows have text, label, and the task's templates need \{source\} \{target\}/,
    ],
    [
      "eval @/model --task translation --method likelihood --data @/rows.jsonl",
      2,
      /chooses among labels, and translation has none/,
    ],
    [
      "eval @/model --task classification --data @/rows.jsonl --labels short",
      3,
      /has the label "long", which is not among short/,
    ],
    ["eval @/model --task classification --data @/rows.jsonl --shots 2", 2, /--shots needs --shots-from FILE/],
    ["eval @/model --task classification --data @/broken.jsonl", 3, /broken\.jsonl: has no rows/],
    ["eval @/model --task classification --data @/model/config.json", 3, /rows with fields come as \.jsonl/],
    ["eval @/nowhere --task classification --data @/rows.jsonl", 3, /nowhere: no such folder/],
    ["eval @/model --task chat --data @/none.jsonl --prompt {title}", 2, /--prompt and --completion go together/],
    ["eval @/none.yaml", 2, /none\.yaml: no such file/],
    ["compare @/model", 2, /holds no answers \(samples\.jsonl\), and to answer now a model needs rows/],
    ["compare @/model --json --csv", 2, /choose one/],
  ];
  const ended = await attuneInTurn(
    cases.map(([words]) => words.replaceAll("@", folder).split(" ")),
    { VK_DRIVER_FILES: path.join(tmpdir(), "no-such-driver.json") },
  );
  const problems = cases.flatMap(([words, code, line], i) => {
    const { code: found, stdout, stderr } = ended[i] as Ended;
    return found === code && stdout === "" && line.test(stderr) && stderr.trim().split("\n").length === 1
      ? []
      : [`${words}: ${found} ${stderr}`];
  });
  expect(problems).toEqual([]);
});
