// A run's rows: tasks of a mixture, balanced classes, further versions.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRun } from "../run/load.js";
import { type RunExamples, readRunExamples } from "./examples.js";
import { openModelFiles } from "./model.js";

const base = fileURLToPath(new URL("../../../../data/bundled/base", import.meta.url));
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-examples-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const write = (name: string, rows: unknown[]) =>
  writeFile(path.join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
const run = (data: string) =>
  parseRun(`model: {path: ${base}}\ndata:\n${data}`, { file: path.join(folder, "r.yaml"), cwd: folder });
const read = async (data: string, part?: "all" | "validation"): Promise<RunExamples> => {
  const one = run(data);
  return readRunExamples(one, await openModelFiles(one), part);
};
const asks = (count: number, text: string) =>
  Array.from({ length: count }, (_, i) => ({ instruction: `${text} number ${i}`, input: "", output: `out ${i}` }));

describe("the tasks of a mixture", () => {
  it("have validation rows and splits of their own; shots come from the same task", async () => {
    await write("one.jsonl", asks(30, "first task of"));
    await write("two.jsonl", asks(30, "second task of"));
    await write("dev.jsonl", asks(5, "a held row of"));
    const mixture = (more: string) => `  mixture:\n  - {train: one.jsonl, name: one${more}}\n  - {train: two.jsonl, name: two}\n`;
    const own = await read(mixture(", validation: dev.jsonl"));
    expect(own.validation.map(({ task }) => task)).toEqual(Array(5).fill("one"));
    expect(own.sets.map(({ name, format }) => [name, format.name])).toEqual([
      ["one", "alpaca"],
      ["two", "alpaca"],
    ]);
    const split = await read(`${mixture("")}  split: {validation: 0.2}\n  fewShot: {count: 1}\n`);
    expect(split.validation.map(({ task }) => task)).toEqual([...Array(6).fill("one"), ...Array(6).fill("two")]);
    const asked = (prompt: string) => prompt.split("\n\n").at(-1)!;
    const trained = new Set(split.examples.map(({ prompt }) => asked(prompt)));
    expect(split.validation.filter(({ prompt }) => trained.has(asked(prompt)))).toEqual([]);
    for (const { prompt, task } of [...split.examples, ...split.validation])
      expect(new Set(prompt.match(/first|second/g))).toEqual(new Set([task === "one" ? "first" : "second"]));
    expect(() => run("  mixture: [{train: one.jsonl, name: a}, {train: two.jsonl, name: a}]\n")).toThrow(
      /data\.mixture\.1\.name is a, as that of an earlier set/,
    );
    expect(() => run(`${mixture(", validation: dev.jsonl")}  split: {validation: 0.2}\n`)).toThrow(
      /data\.split stands beside a validation file of data\.mixture/,
    );
  });

  it("take turns, and end as datasets.interleave_datasets does", async () => {
    await write("one.jsonl", asks(3, "first"));
    await write("two.jsonl", asks(5, "second"));
    const mixture = "  mixture: [{train: one.jsonl, name: one}, {train: two.jsonl, name: two}]\n";
    const order = async (stop: string) =>
      (await read(`${mixture}  mixing: {kind: roundRobin, stop: ${stop}}\n`)).examples.map(({ prompt }) => prompt);
    const turns = ["first number 0", "second number 0", "first number 1", "second number 1", "first number 2", "second number 2"];
    expect(await order("first_exhausted")).toEqual(turns);
    expect(await order("all_exhausted_without_replacement")).toEqual([...turns, "second number 3", "second number 4"]);
    expect(() => run("  mixture: [{train: one.jsonl, weight: 2}]\n  mixing: {kind: roundRobin}\n")).toThrow(
      /data\.mixture has weights, and with data\.mixing\.kind roundRobin its sets take turns/,
    );
  });

  it("validation alone does without the training rows", async () => {
    await write("dev.jsonl", asks(5, "a held row of"));
    await write("broken.jsonl", [...asks(25, "good"), 3]);
    const broken = "  train: broken.jsonl\n  validation: dev.jsonl\n";
    await expect(read(broken)).rejects.toThrow(/broken\.jsonl:26/);
    expect(await read(broken, "validation")).toMatchObject({ examples: [], versions: [], validation: { length: 5 } });
  });
});

describe("data.balance", () => {
  it("gives labels alike, by sampling, of training rows only", async () => {
    const sentences = Array.from({ length: 40 }, (_, i) => ({
      sentence: `News ${i} came .`,
      label: i % 8 === 0 ? "positive" : "neutral",
    }));
    await write("news.jsonl", sentences);
    const data = "  train: news.jsonl\n  split: {validation: 0.25, stratify: label}\n";
    const count = ({ examples }: RunExamples, label: string) => examples.filter(({ completion }) => completion === label).length;
    const plain = await read(data);
    const more = await read(`${data}  balance: {by: label}\n`);
    expect([count(plain, "positive"), count(plain, "neutral")]).toEqual([4, 26]);
    expect([count(more, "positive"), count(more, "neutral")]).toEqual([26, 26]);
    expect(more.validation).toEqual(plain.validation);
    expect(more.notes.join("\n")).toMatch(
      /balanced by label: (neutral 26 -> 26, positive 4 -> 26|positive 4 -> 26, neutral 26 -> 26) rows/,
    );
    const less = await read(`${data}  balance: {by: label, how: undersample}\n`);
    expect([count(less, "positive"), count(less, "neutral")]).toEqual([4, 4]);
    // each set of a mixture by its own label: the format's, else "label"
    await write(
      "tickets.jsonl",
      Array.from({ length: 12 }, (_, i) => ({ say: `Ticket ${i}`, label: i < 9 ? "bug" : "wish" })),
    );
    const sets = '  mixture: [{train: news.jsonl}, {train: tickets.jsonl, template: {prompt: "{say}", completion: "{label}"}}]\n';
    const both = await read(
      `${sets}  mixing: {stop: all_exhausted_without_replacement}\n  balance: {by: label, how: undersample}\n`,
    );
    expect(["positive", "neutral", "bug", "wish"].map((label) => count(both, label))).toEqual([3, 3, 3, 3]);
    await expect(read(`${data}  balance: {by: topic}\n`)).rejects.toThrow(/data\.balance\.by: .* has no text field "topic"/);
    await expect(read(`${data}  balance: {by: sentence}\n`)).rejects.toThrow(
      /sentence has 30 values in 30 rows; expected a few classes/,
    );
    expect(() => run("  train: news.jsonl\n  balance: {by: task}\n")).toThrow(
      /data\.balance\.by is task, and there is no data\.mixture/,
    );
  });
});

describe("data.augment", () => {
  const dialogues = Array.from({ length: 12 }, (_, i) => ({
    fname: `d${i}`,
    dialogue: `#Person1#: Is it ${i}?\n#Person2#: Yes.`,
    summary: `#Person1# asks #Person2# about ${i}.`,
    topic: "x",
  }));

  it("gives further versions that mean the same, the same ones each time; validation rows stay as they are", async () => {
    await write("talk.jsonl", dialogues);
    const data =
      "  train: talk.jsonl\n  template: flan\n  split: {validation: 0.25}\n  augment: {speakers: true, phrasings: true, versions: 3}\n";
    const [once, again] = [await read(data), await read(data)];
    expect(once).toEqual(again);
    const plain = await read("  train: talk.jsonl\n  template: flan\n  split: {validation: 0.25}\n");
    expect([once.examples, once.validation, once.versions.length]).toEqual([plain.examples, plain.validation, 2]);
    let rephrased = 0;
    for (const version of once.versions) {
      for (const [row, example] of version.entries()) {
        const { id, prompt, completion } = example;
        const number = /is it (\d+)/i.exec(prompt)![1];
        expect([id, completion]).toEqual([once.examples[row]!.id, `#Person2# asks #Person1# about ${number}.`]);
        expect(prompt).toContain(`#Person2#: Is it ${number}?\n#Person1#: Yes.`);
        const swapped = once.examples[row]!.prompt.replace(/#Person([12])#/g, (_, one) => `#Person${3 - Number(one)}#`);
        if (prompt !== swapped) rephrased++;
      }
    }
    expect(rephrased).toBeGreaterThan(8); // of 18, one in six forms is drawn again
  });

  it("order: listed options and solved examples stand otherwise in each version, the answer is the same", async () => {
    const rows = Array.from({ length: 8 }, (_, i) => ({
      prompt: `Which is ${i}?\nOPTIONS:\n- a\n- b\n- c\n- d\nAnswer:`,
      completion: "a",
    }));
    await write("options.jsonl", rows);
    const data = (more: string) => `  train: options.jsonl\n${more}  augment: {order: true, versions: 4}\n`;
    const { examples, versions } = await read(data(""));
    expect(new Set([examples, ...versions].map(([row]) => row!.prompt)).size).toBeGreaterThan(1);
    for (const version of versions)
      for (const [row, { prompt, completion }] of version.entries()) {
        expect(completion).toBe("a");
        expect(prompt.split("\n").sort()).toEqual(examples[row]!.prompt.split("\n").sort());
      }
    const shots = await read(data("  fewShot: {count: 2}\n"));
    const firstShot = [shots.examples, ...shots.versions].map(([row]) => /Which is (\d)/.exec(row!.prompt)![1]);
    expect(new Set(firstShot).size).toBeGreaterThan(1);
  });

  it("is refused where it would change nothing", async () => {
    await write("talk.jsonl", dialogues);
    await write("plain.jsonl", asks(6, "say"));
    expect(() => run("  train: talk.jsonl\n  augment: {}\n")).toThrow(
      /data\.augment changes nothing: set phrasings, speakers or order/,
    );
    await expect(read("  train: talk.jsonl\n  augment: {phrasings: true}\n")).rejects.toThrow(
      /data\.augment\.phrasings: the template summarize says a row in one way; name flan/,
    );
    await expect(read("  train: plain.jsonl\n  augment: {speakers: true}\n")).rejects.toThrow(
      /data\.augment\.speakers: no row of .*plain\.jsonl has a field "dialogue"/,
    );
  });
});
