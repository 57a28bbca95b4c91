// What an evaluation asks: rows of a run as training reads them, rows through the template beside a model, and rows to generate for.
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type PromptTemplate, TEMPLATE_FILE, templateNamed, writeTemplateFile } from "@attune/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { promptsOfRows, rowsOf } from "../commands/prompts.js";
import { parseRun } from "../run/load.js";
import { type Evaluation, prepareEvaluation } from "./evaluate.js";
import { type EvaluationFlags, evaluationOf } from "./evaluationFlags.js";
import { readRunExamples } from "./examples.js";
import { openGeneration } from "./generate.js";
import { openModelFiles } from "./model.js";

const base = fileURLToPath(new URL("../../../../data/bundled/base", import.meta.url));
let folder = "";
const at = (name: string) => path.join(folder, name);
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-asks-"));
  await write("news.jsonl", news);
  await write("talk.jsonl", talk);
  await cp(base, at("model"), { recursive: true });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const write = (name: string, rows: unknown[]) => writeFile(at(name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
const news = Array.from({ length: 30 }, (_, i) => ({
  sentence: `Sales of ${i} rose .`,
  label: ["negative", "neutral", "positive"][i % 3],
}));
const talk = Array.from({ length: 4 }, (_, i) => ({
  id: `t${i}`,
  dialogue: `Ann: Hi ${i}\nBo: Ho`,
  summary: `Ann greets Bo ${i}.`,
}));
const FLAGS: EvaluationFlags = { batch: 4, numBeams: 1, method: "generate", shots: 0, seed: 3, dtype: "f32" };
const template = (more: PromptTemplate) => writeFile(at(`model/${TEMPLATE_FILE}`), writeTemplateFile(more));

describe("a run's evaluation", () => {
  // the whole model stands where training would have put it
  const yaml = (data: string) => `name: r\nmodel: {path: ${base}}\neval: {rows: 5}\nout: ${at("out")}\ndata:\n${data}`;
  const evaluationOfRun = async (data: string, flags: Partial<EvaluationFlags> = {}) => {
    await mkdir(at("out"), { recursive: true });
    await cp(base, at("out/model"), { recursive: true });
    await writeFile(at("r.yaml"), yaml(data));
    return prepareEvaluation(await evaluationOf(at("r.yaml"), { ...FLAGS, ...flags }));
  };

  it("asks what training keeps for validation: named template, split, shots, and the task that its rows are judged by", async () => {
    const data =
      "  train: news.jsonl\n  template: flan\n  split: {validation: 0.5, stratify: label}\n  fewShot: {count: 2, label: label}\n";
    const { examples, references, labels, taskName, template } = await evaluationOfRun(data);
    const run = parseRun(yaml(data), { file: at("r.yaml"), cwd: folder });
    const { validation } = await readRunExamples(run, await openModelFiles(run));
    expect(examples).toEqual(validation);
    expect(examples).toHaveLength(5);
    expect(references).toEqual(validation.map(({ completion }) => [completion]));
    expect([taskName, template, labels]).toEqual(["classification", "flan sentiment", ["negative", "neutral", "positive"]]);
  });

  it("puts other rows through the run's template, and takes shots of the command line in place of the run's", async () => {
    const data = "  train: news.jsonl\n  fewShot: {count: 2}\n";
    await write("other.jsonl", [{ sentence: "Profit fell .", label: "negative" }]);
    const { examples } = await evaluationOfRun(data, { data: at("other.jsonl"), shots: 1, shotsFrom: at("news.jsonl") });
    const question = "Is the sentiment of this financial news negative, neutral or positive?";
    expect(examples[0]!.prompt.split(question)).toHaveLength(3); // one shot and the row
    expect(examples[0]!.prompt.endsWith(`${question}\n\nProfit fell .`)).toBe(true);
    await expect(evaluationOfRun(data)).rejects.toThrow(/r: has no validation rows .*name the rows to evaluate on with --data/);
  });

  it("of a mixture is of one set, where its sets are judged differently", async () => {
    const sets =
      "[{train: talk.jsonl, name: talk, validation: talk.jsonl}, {train: news.jsonl, name: news, validation: news.jsonl}]";
    const data = `  mixture: ${sets}\n`;
    await expect(evaluationOfRun(data)).rejects.toThrow(
      /r: its sets are judged differently: talk as summarization, news as classification; name one with --task-template/,
    );
    const run = parseRun(yaml(data), { file: at("r.yaml"), cwd: folder });
    await template((await readRunExamples(run, await openModelFiles(run))).template);
    await cp(at(`model/${TEMPLATE_FILE}`), at(`out/model/${TEMPLATE_FILE}`));
    const news = await prepareEvaluation(await evaluationOf(at("r.yaml"), { ...FLAGS, taskTemplate: "news" }));
    expect([news.taskName, news.examples.length, new Set(news.examples.map(({ task }) => task))]).toEqual([
      "classification",
      5,
      new Set(["news"]),
    ]);
    expect((await evaluationOfRun(data, { task: "chat" })).examples).toHaveLength(4 + 5);
  });

  it("takes all right answers that rows have, or the fields that are named", async () => {
    await write("dev.jsonl", [
      { fname: "test_0", dialogue: "#Person1#: Hi", summary1: "a b", summary2: "c d", summary3: "e f", topic: "g" },
    ]);
    const data = "  train: dev.jsonl\n  validation: dev.jsonl\n";
    expect((await evaluationOfRun(data)).references).toEqual([["a b", "c d", "e f"]]);
    expect((await evaluationOfRun(data, { referenceField: ["topic"] })).references).toEqual([["g"]]);
    await expect(evaluationOfRun(data, { referenceField: ["topics"] })).rejects.toThrow(
      /test_0: no text field "topics"; it has fname/,
    );
  });
});

describe("the template beside a model's weights", () => {
  const evaluate = async (more: Partial<EvaluationFlags>) =>
    prepareEvaluation({ ...(await evaluationOf(at("model"), { ...FLAGS, ...more })) } as Evaluation);
  const asked = async (...rows: object[]) => {
    const files = await openGeneration(at("model"));
    return promptsOfRows(await rowsOf([], { row: rows.map((row) => JSON.stringify(row)) }), files, "m");
  };

  it("is what rows are asked through, shots and all; rows of another form have the task's own", async () => {
    const shots = [{ prompt: "summarize: x", completion: "y" }];
    await template({ ...templateNamed("summarize"), format: "samsum", shots, separator: "\n--\n" });
    const found = await evaluate({ task: "summarization", data: at("talk.jsonl") });
    expect(found.examples[1]!.prompt).toBe("summarize: x y\n--\nsummarize: Ann: Hi 1\nBo: Ho");
    expect([found.template, found.references[1]]).toEqual(["summarize", ["Ann greets Bo 1."]]);
    expect((await evaluate({ task: "classification", data: at("news.jsonl") })).template).toBe("task");
    expect(await asked({ dialogue: "A: hi </s>\r\nB: ho " })).toEqual(["summarize: x y\n--\nsummarize: A: hi <\ufdd0/s>\nB: ho"]);
    await expect(asked({ dialog: "A: hi" })).rejects.toThrow(/--row 1: no field "dialogue".*did you mean "dialog"/);
  });

  it.each<[string, string, object, string]>([
    ["alpaca", "alpaca", { instruction: "Add.", input: "noinput" }, "### Instruction:\nAdd.\n\n### Response:\n"],
    ["phrasebank", "plain", { sentence: " Sales rose . " }, "positive?\n\nSales rose ."],
    ["squad", "squad", { context: "Ann is here.", question: "Who?" }, "question: Who? context: Ann is here."],
    ["gsm8k", "chainOfThought", { question: "1+1?" }, "1+1?\nLet's think step by step.\n"],
    ["questionAnswer", "plain", { question: "Why?" }, "Answer the question.\n\nWhy?"],
    ["promptCompletion", "promptCompletion", { prompt: "Say." }, "Say."],
    ["promptCompletion", "promptCompletion", { inputs: "Say." }, "Say."],
    ["conversations", "chat", { prompt: [{ role: "user", content: "Hi" }] }, "User: Hi\nAssistant:"],
    ["conversations", "chat", { messages: [{ role: "user", content: "Hi" }] }, "User: Hi\nAssistant:"],
    ["rows", "summarize", { input: "as it is" }, "summarize: as it is"],
  ])("of %s asks a row that has no answer", async (format, name, row, end) => {
    await template({ ...templateNamed(name), format });
    const [prompt] = await asked(row);
    expect(prompt!.endsWith(end), prompt).toBe(true);
  });

  it("of a mixture is one for each set: named where rows are asked, found by their form where they are judged", async () => {
    const yaml = `model: {path: ${base}}\ndata:\n  fewShot: {count: 1}\n  mixture: [{train: talk.jsonl, name: talk}, {train: news.jsonl, name: news, template: flan}]`;
    const run = parseRun(yaml, { file: at("r.yaml"), cwd: folder });
    await template((await readRunExamples(run, await openModelFiles(run))).template);
    await expect(asked({ dialogue: "A: hi" })).rejects.toMatchObject({
      exitClass: "usage",
      message: expect.stringMatching(/was taught several tasks: talk, news; name one with --task-template/),
    });
    const news = await openGeneration(at("model"), undefined, "news");
    const [prompt] = await promptsOfRows(await rowsOf([], { row: ['{"sentence": "Profit fell ."}'] }), news, "m");
    expect(prompt).toMatch(/Sales of \d+ rose[\s\S]*Profit fell \./); // behind the shot that was kept for this task
    expect(prompt).not.toContain("Ann");
    await expect(openGeneration(at("model"), undefined, "sums")).rejects.toThrow(
      /has no template for a task "sums"; there are talk, news/,
    );
    const judged = (more: Partial<EvaluationFlags>) => evaluate({ task: "classification", data: at("news.jsonl"), ...more });
    expect([(await judged({})).template, (await judged({ taskTemplate: "news" })).template]).toEqual([
      "flan sentiment",
      "flan sentiment",
    ]);
    expect((await judged({ taskTemplate: "talk" })).template).toBe("task");
    // a question that leaves no room for the solved example is asked whole
    const [short] = await promptsOfRows(await rowsOf([], { row: ['{"sentence": "Profit fell ."}'] }), news, "m", 24);
    expect(short).not.toContain("Sales of");
  });

  it("is refused where its format is unknown, and where there is none", async () => {
    await template({ ...templateNamed("plain"), format: "novel" });
    await expect(asked({ a: "b" })).rejects.toMatchObject({
      exitClass: "data",
      message: expect.stringMatching(/of the format "novel"/),
    });
    await rm(at(`model/${TEMPLATE_FILE}`));
    await expect(asked({ a: "b" })).rejects.toMatchObject({
      exitClass: "usage",
      message: expect.stringMatching(/has no attune_template\.json/),
    });
    await expect(rowsOf(["x"], { row: ["{}"] })).rejects.toThrow(/give either/);
    await expect(rowsOf([], { row: ["{"] })).rejects.toThrow(/--row 1: is no JSON/);
    await expect(rowsOf([], { row: ["[]"] })).rejects.toThrow(/--row 1: expected an object of fields/);
    await expect(evaluate({ task: "classification", data: at("news.jsonl"), method: "likelihood", numBeams: 2 })).rejects.toThrow(
      /--num-beams searches for an answer/,
    );
  });
});
