import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, describe, expect, test } from "vitest";
import { loadRun } from "../run/load.js";
import { init } from "./init.js";
import { guessFields, lookAtData } from "./lookAtData.js";
import { type Asker, openAsker } from "./questions.js";
import { runText } from "./runText.js";

const folder = mkdtempSync(path.join(tmpdir(), "attune-init-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string, text?: string): string => {
  const file = path.join(folder, name);
  mkdirSync(path.dirname(file), { recursive: true });
  if (text !== undefined) writeFileSync(file, text);
  return file;
};
const jsonl = (rows: object[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
const many = <Row>(row: Row, count = 60): Row[] => Array(count).fill(row);

const reviews = at("reviews: mine.csv", `review,label\n${many("good and cheap,positive").join("\n")}\n`);
const dialogues = at("d/dialogues.jsonl", jsonl(many({ id: "1", dialogue: "A: hi".repeat(100), summary: "They greet." })));
const odd = at("odd.jsonl", jsonl([{ alpha: "a", beta: "b", gamma: "c" }]));

/** Answers in order; fails where more is asked. */
function scripted(answers: string[]): Asker & { asked: string[] } {
  const asked: string[] = [];
  const next = (question: string) => {
    asked.push(question);
    if (answers.length === 0) throw new Error(`not expected: ${question}`);
    return answers.shift()!;
  };
  return {
    asked,
    async ask(question, fallback, check) {
      for (;;) {
        const answer = next(question) || fallback!;
        if (((await check?.(answer)) ?? null) === null) return answer;
      }
    },
    async choose(question, choices, fallback) {
      const answer = next(question);
      return choices.find((choice) => choice === answer) ?? fallback;
    },
    close() {},
  };
}

describe("what is written is a run, with the file's format in it", () => {
  test("flags alone: rows of no known format get a template from the names of their fields", async () => {
    const out = at("runs.d/reviews.yaml");
    mkdirSync(path.dirname(out), { recursive: true });
    const { look } = await init({ data: reviews, task: "classify", out, yes: true }, null);
    expect(look).toMatchObject({ format: null, rows: 60, guess: { prompt: "review", answer: "label" } });
    const run = await loadRun(out);
    expect(run.data.train).toBe(reviews); // from the file's own folder, through a name that YAML would take for a mapping
    expect(run.data.template).toEqual({ prompt: "classify: {review}", completion: "{label}" });
    expect(run.data.split).toMatchObject({ validation: 0.1 });
    expect(run).toMatchObject({ model: { path: "google/flan-t5-small" }, lora: { rank: 8 }, train: { lr: 1e-3, epochs: 3 } });
    expect(run.eval, "the best weights are kept, not the last").toMatchObject({ every: 0.2, best: "loss" });
    const text = readFileSync(out, "utf8");
    // within the run's own folder: it is the same on a colleague's machine
    expect(text).toMatch(/^# yaml-language-server: \$schema=\.attune\/run\.schema\.json\n/);
    expect(text).toContain("# 60 rows: review, label");
    const schema = /\$schema=(\S+)/.exec(text)![1]!;
    expect(JSON.parse(readFileSync(path.resolve(path.dirname(out), schema), "utf8"))).toHaveProperty("properties.train");
  });

  test("a known format brings its own template; lengths come from the rows", async () => {
    const out = at("dialogues.yaml");
    await init({ data: dialogues, method: "full", validation: dialogues, out, yes: true }, null);
    const run = await loadRun(out);
    expect(run.data).toMatchObject({ train: dialogues, validation: dialogues, split: null, maxSource: 192, maxTarget: 32 });
    expect(run.data.template).toBeUndefined();
    expect(run).toMatchObject({ lora: null, train: { lr: 3e-4 } });
    expect(readFileSync(out, "utf8")).toContain("recognised as samsum");
  });

  test("questions: only for what no flag says, again where the answer cannot be, and a model's folder is found", async () => {
    const model = at("model/config.json", "{}");
    const out = at("asked.yaml");
    const asker = scripted([
      at("none.csv"),
      reviews,
      "nonsense!",
      path.dirname(model),
      "full",
      "general",
      "no field",
      "say: {review}",
      "",
      out,
    ]);
    await init({}, asker);
    const run = await loadRun(out);
    expect(run.model.path).toBe(path.dirname(model));
    expect(run.data.template).toEqual({ prompt: "say: {review}", completion: "{label}" });
    expect(asker.asked.at(-1)).toBe("Write to");
    await init({ data: reviews, model: "org/m", method: "lora", task: "answer", out: at("two.yaml") }, scripted(["", ""]));
    expect((await loadRun(at("two.yaml"))).data.template?.prompt).toBe("question: {review}");
  });

  test("names that YAML would read as something else stay what they are", async () => {
    const look = await lookAtData(dialogues);
    for (const name of ["no", "1e3", "null", "~", "a: b", "x #y", "- z", "{a}", "%d", '"q"', "über den Wolken"]) {
      const text = runText(
        {
          model: name,
          data: name,
          validation: name,
          method: "lora",
          task: "general",
          template: { prompt: `{f} ${name}`, completion: "{f}" },
          name: "n",
          schema: "s",
        },
        look,
      );
      at("odd.yaml", text);
      const { data } = await loadRun(at("odd.yaml"));
      expect(data.train).toBe(path.join(folder, name));
      expect(data.template?.prompt).toBe(`{f} ${name}`);
    }
  });
});

test("few rows, none for validation: nothing is evaluated, and nothing asks for it", async () => {
  const few = at("few.csv", "review,label\ngood,positive\nbad,negative\n");
  await init({ data: few, out: at("few.yaml"), yes: true }, null);
  const run = await loadRun(at("few.yaml"));
  expect([run.data.split, run.data.validation, run.eval.every, run.eval.best]).toEqual([null, null, null, null]);
});

describe("what is refused, and nothing is written", () => {
  const given = { model: "org/m", method: "lora", out: at("never.yaml"), yes: true } as const;
  test.each([
    ["no terminal, nothing given", {}, /no terminal to ask on: add --data FILE and --model NAME, as in: attune init --model/],
    ["no data", { ...given }, /add --data FILE/],
    ["a file that is there", { ...given, data: dialogues, out: dialogues }, /is there already; replace it with --force/],
    ["half a template", { ...given, data: reviews, prompt: "{review}" }, /--prompt and --completion go together/],
    [
      "a task for a known format",
      { ...given, data: dialogues, task: "classify" as const },
      /--task is for rows of no known format; .* is samsum/,
    ],
    [
      "fields that say nothing",
      { ...given, data: odd },
      /do not say which is asked and which answered \(alpha, beta, gamma\); add --prompt/,
    ],
    [
      "a model that is neither folder nor name",
      { ...given, data: reviews, model: "nonsense!" },
      /--model nonsense!: no such folder/,
    ],
    ["a name that is no folder's", { ...given, data: reviews, name: "../x" }, /name must be made of letters/],
  ])("%s", async (_, flags, message) => {
    await expect(init(flags, null)).rejects.toMatchObject({ exitClass: "usage", message: expect.stringMatching(message) });
    expect(() => readFileSync(given.out)).toThrow();
  });

  test("data that is not there", async () => {
    await expect(init({ ...given, data: at("none.csv") }, null)).rejects.toMatchObject({ exitClass: "data" });
  });
});

test("fields by their names", () => {
  expect(guessFields(["id", "Text", "Label"])).toEqual({ prompt: "Text", answer: "Label" });
  expect(guessFields(["a", "b"])).toEqual({ prompt: "a", answer: "b" });
  expect(guessFields(["question", "b"])).toEqual({ prompt: "question", answer: "b" });
  expect(guessFields(["a", "b", "c"])).toBeNull();
  expect(guessFields(["text"])).toBeNull();
});

test("on a terminal: Enter takes what is offered, a letter is enough, and the end of input stops with nothing done", {
  timeout: 5000,
}, async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const asker = openAsker(input, output);
  input.write("\n");
  expect(await asker.ask("Name", "fallback")).toBe("fallback");
  input.write("x\nf\n");
  expect(await asker.choose("Method", ["lora", "full"], "lora")).toBe("full");
  input.end();
  await expect(asker.ask("More", "x")).rejects.toMatchObject({ signal: "SIGINT" });
  expect(String(output.read())).toContain("please one of lora, full");
});
