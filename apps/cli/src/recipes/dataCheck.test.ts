import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Example } from "@attune/models";
import { loadTokenizer } from "@attune/models";
import { diskFiles } from "@attune/models/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRun } from "../run/load.js";
import { checkFile, checkRun, previewRun } from "./checkRows.js";
import { prepareData } from "./data.js";
import { dataChecker } from "./dataCheck.js";
import { readRunExamples } from "./examples.js";
import { openModelFiles } from "./model.js";

const base = fileURLToPath(new URL("../../../../data/bundled/base", import.meta.url));
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-check-"));
});
afterAll(() => rm(folder, { recursive: true }));

const example = (prompt: string, completion = "fine"): Example => ({ id: "", prompt, completion, fields: {} });
async function findings(...examples: Example[]): Promise<Record<string, number>> {
  const checker = dataChecker(await loadTokenizer(diskFiles(base)), { maxSource: 48, maxTarget: 24 });
  for (const [i, one] of examples.entries()) checker.add({ ...one, id: one.id || `f:${i + 1}` }, undefined, `f:${i + 1}`);
  return Object.fromEntries(checker.finish().findings.map(({ kind, count }) => [kind, count]));
}
const GOOD = example("name the people who speak here");

describe("dataCheck finds", () => {
  it.each<[string, Example[], Record<string, number>]>([
    ["nothing in good rows", [GOOD, example("say what they talk about", "Lunch.")], {}],
    [
      "43: blank prompts and answers",
      [example(" ", "a"), example("say what they ate", "\n")],
      { "blank prompt": 1, "blank answer": 1 },
    ],
    ["vague instructions", [example("Explain this."), example("Summarize")], { "vague instruction": 2 }],
    ["short prompts", [example("two words")], { "short prompt": 1 }],
    [
      "repeated rows, whatever their blanks",
      [GOOD, { ...GOOD, prompt: ` ${GOOD.prompt.toUpperCase()}\n` }],
      { "repeated row": 1 },
    ],
    ["two answers to one prompt", [GOOD, { ...GOOD, completion: "bad" }], { "same prompt, other answer": 1 }],
    ["mojibake, and not good letters", [example("das Ã¤ndert es doch"), example("das ändert â es")], { "damaged text": 1 }],
    ["lost characters", [example("das \ufffd ist weg")], { "lost characters": 1 }],
    [
      "46: control characters",
      [example("who are \0you\x1b then"), example("tabs\tand\nbreaks are fine")],
      { "control characters": 1 },
    ],
    [
      "rows that share an id",
      [1, 2, 1].map((id, i) => ({ ...example(`what is said in ${i}`), id: `row ${id}` })),
      { "same id, other row": 1 },
    ],
    ["placeholders", [example("who are you then", "I am {{name}}.")], { "unfilled placeholder": 1 }],
    [
      "42: long rows",
      [example("word ".repeat(60), "fine"), example("say it at length please", "word ".repeat(60))],
      { "prompt too long": 1, "answer too long": 1 },
    ],
    [
      "unbalanced labels",
      Array.from({ length: 30 }, (_, i) => example(`is number ${i} good`, i < 27 ? "yes" : "no")),
      { "unbalanced labels": 1 },
    ],
  ])("%s", async (_, examples, expected) => expect(await findings(...examples)).toEqual(expected));
});

describe("a run's data", () => {
  const write = (name: string, rows: unknown[]) =>
    writeFile(path.join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const run = (data: string) =>
    parseRun(`model: {path: ${base}}\ndata:\n${data}`, { file: path.join(folder, "r.yaml"), cwd: folder });
  const rows = (count: number, text: string) =>
    Array.from({ length: count }, (_, i) => ({ instruction: `${text} ${i}`, input: "", output: `out ${i}` }));
  const read = async (data: string) => {
    const one = run(data);
    return readRunExamples(one, await openModelFiles(one));
  };

  it("44: training and validation that overlap are told by check and by the run", async () => {
    await write("a.jsonl", rows(8, "do the thing"));
    await write("b.jsonl", rows(3, "do the thing"));
    const overlapping = run("  train: a.jsonl\n  validation: b.jsonl\n");
    const { report, format } = await checkRun(overlapping);
    expect([format, report.findings.map(({ kind, count }) => [kind, count])]).toEqual([
      "alpaca",
      [["in training and validation", 3]],
    ]);
    expect((await read("  train: a.jsonl\n  validation: b.jsonl\n")).notes.join()).toMatch(
      /3 of 3 validation prompts are in the training data/,
    );
  });

  it("40: nothing left is refused with the reason", async () => {
    await write("c.jsonl", [{ instruction: "a", input: "", output: " " }]);
    await expect(read("  train: c.jsonl\n")).rejects.toThrow(/c.jsonl: 0 of 1 rows kept; 1 have a blank prompt or answer/);
  });

  it("mixes sets by weight and keeps their names", async () => {
    await write("m.jsonl", rows(40, "first task of"));
    await write("n.jsonl", rows(40, "second task of"));
    const { examples, notes } = await read(
      "  mixture: [{train: m.jsonl, name: one, weight: 3}, {train: n.jsonl, name: two, weight: 1}]\n",
    );
    expect(examples.filter(({ task }) => task === "one")).toHaveLength(40);
    expect(examples.filter(({ task }) => task === "two").length).toBeLessThan(25);
    expect(notes.join()).toMatch(/mixture: one: 40 of \d+ rows an epoch \(40 in its file, weight 0.750\)/);
  });

  it("puts solved examples in front, and keeps them for use", async () => {
    const { examples, template } = await read("  train: m.jsonl\n  template: plain\n  fewShot: {count: 2}\n");
    expect(examples[0]!.prompt).toMatch(/^first task of \d+ out \d+\n\nfirst task of \d+ out \d+\n\nfirst task of 0$/);
    expect(template).toMatchObject({ name: "plain", shots: [{}, {}] });
  });

  it("is shown as the model gets it: special tokens of data are text, the end is learnt", async () => {
    await write("s.jsonl", [{ q: "Ann </s> Bo", a: "Bo" }]);
    const [row] = await previewRun(run('  train: s.jsonl\n  template: {prompt: "{q}", completion: "{a}"}\n'), 1);
    expect(row!.isEndLearnt).toBe(true);
    expect(row!.tokens.filter(({ token }) => token === "</s>")).toHaveLength(2); // the tokenizer's own: of the prompt and of the answer
    expect(row!.tokens.filter(({ isLearnt }) => isLearnt).at(-1)!.token).toBe("</s>");
  });

  it("may be token ids, in the file's order and micro-batches", async () => {
    const ids = Array.from({ length: 5 }, (_, i) => ({
      inputIds: Array(9 - i).fill(5 + i),
      labels: [3, 1],
      microBatch: Math.floor(i / 2),
    }));
    await write("ids.jsonl", ids);
    const one = run("  train: ids.jsonl\ntrain: {batch: 2, steps: 4}\n");
    const data = await prepareData(one, await openModelFiles(one));
    const firsts = [...data.updates()].map(([batch]) =>
      Array.from({ length: batch!.realRows }, (_, row) => batch!.inputIds[row * batch!.source]),
    );
    expect(firsts).toEqual([[5, 6], [7, 8], [9], [5, 6]]);
    const other = run("  train: ids.jsonl\ntrain: {batch: 3}\n");
    await expect(prepareData(other, await openModelFiles(other))).rejects.toThrow(
      /ids.jsonl:3: is in micro-batch 1, with train.batch 3 it would be in 0/,
    );
  });

  it("32: token ids that do not fit the model are left out where the run says so, and told", async () => {
    const ids = Array.from({ length: 200 }, (_, i) => ({ inputIds: [i === 7 ? 1e6 : 5, 6], labels: [3, 1] }));
    await write("ids.jsonl", ids);
    const prepared = async (more: string) => {
      const one = run(`  train: ids.jsonl\n${more}`);
      return prepareData(one, await openModelFiles(one));
    };
    await expect(prepared("")).rejects.toThrow(/ids\.jsonl:8: inputIds\[0\] is 1000000/);
    const { count, notes } = await prepared("  onBadRow: skip\n");
    expect([count, notes.join()]).toEqual([199, expect.stringMatching(/1 of 200 rows of .*ids\.jsonl are bad and left out/)]);
  });

  it("is checked as training sees it: through the model's own chat template, where it has one", async () => {
    const own = path.join(folder, "chatty");
    await cp(base, own, { recursive: true });
    const config = JSON.parse(await readFile(path.join(own, "tokenizer_config.json"), "utf8")) as object;
    const chat_template = `${"word ".repeat(40)}{% for m in messages %}{{ m.content }}{% endfor %}`;
    await writeFile(path.join(own, "tokenizer_config.json"), JSON.stringify({ ...config, chat_template }));
    const turns = (i: number) => [
      { role: "user", content: `What is the number ${i} to you?` },
      { role: "assistant", content: `It is ${i}.` },
    ];
    await write(
      "talks.jsonl",
      Array.from({ length: 3 }, (_, i) => ({ messages: turns(i) })),
    );
    const kinds = async (model: string) => {
      const one = run("  train: talks.jsonl\n  maxSource: 48\n");
      return (await checkRun({ ...one, model: { path: model } })).report.findings.map(({ kind, count }) => [kind, count]);
    };
    expect(await kinds(own)).toEqual([["prompt too long", 3]]);
    expect(await kinds(base)).toEqual([]);
  });

  it("checks a file by itself", async () => {
    const checked = await checkFile(path.join(folder, "m.jsonl"), {});
    expect(checked).toMatchObject({ format: "alpaca", template: "plain", report: { rows: 40, findings: [] } });
  });
});
