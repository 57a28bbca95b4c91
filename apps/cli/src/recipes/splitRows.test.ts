// Questions are on one side of a split only: behind other phrasings, in other sets of a mixture, in other turns of a conversation. And rows
// that cannot be used are left out, counted and told, wherever on their way they fail.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { Example } from "@attune/models";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRun } from "../run/load.js";
import { checkRun } from "./checkRows.js";
import { type RunExamples, readRunExamples } from "./examples.js";
import { openModelFiles } from "./model.js";

const base = fileURLToPath(new URL("../../../../data/bundled/base", import.meta.url));
let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-split-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const writeText = (name: string, text: string) => writeFile(path.join(folder, name), text);
const write = (name: string, rows: readonly unknown[]) => writeText(name, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
const run = (data: string) =>
  parseRun(`model: {path: ${base}}\ndata:\n${data}\neval: {rows: 1000}`, { file: path.join(folder, "r.yaml"), cwd: folder });
const read = async (data: string): Promise<RunExamples> => {
  const one = run(data);
  return readRunExamples(one, await openModelFiles(one));
};
const findings = async (data: string) =>
  Object.fromEntries((await checkRun(run(data))).report.findings.map(({ kind, count }) => [kind, count]));
/** Validation rows of which `field` is trained on, too. */
const leaked = ({ examples, validation }: RunExamples, field: string): Example[] => {
  const trained = new Set(examples.map(({ fields }) => fields[field]));
  return validation.filter(({ fields }) => trained.has(fields[field]));
};

describe("44: no question is on both sides", () => {
  const dialogues = Array.from({ length: 60 }, (_, i) => ({
    fname: `d${i}`,
    dialogue: `A: Is it ${i}?\nB: Yes.`,
    summary: "A asks.",
  }));
  const twice = [...dialogues, ...dialogues.map((row) => ({ ...row, fname: `${row.fname}b` }))];

  it("of a row that each time is asked in another phrasing", async () => {
    await write("twice.jsonl", twice);
    const data = "  train: twice.jsonl\n  template: flan\n";
    const found = await read(`${data}  split: {validation: 0.5}\n`);
    expect(leaked(found, "dialogue")).toEqual([]);
    expect(found.notes.join("\n")).toMatch(/60 rows repeat an earlier prompt/);
    expect(await findings(data)).toMatchObject({ "repeated row": 60 });
    await write("first.jsonl", dialogues);
    const overlap = (await read("  train: twice.jsonl\n  validation: first.jsonl\n  template: flan\n")).notes.join("\n");
    expect(overlap).toMatch(/60 of 60 validation prompts are in the training data/);
  });

  it("of sets that are nested, as PhraseBank's levels are, also behind other templates", async () => {
    const line = (i: number) => `Sales of unit ${i} rose .@${["negative", "neutral", "positive"][i % 3]}\n`;
    const lines = (count: number) => Array.from({ length: count }, (_, i) => line(i)).join("");
    await writeText("all.txt", lines(45));
    await writeText("some.txt", lines(90));
    const mixture = (template: string) =>
      `  mixture: [{train: all.txt, name: all}, {train: some.txt, name: some, template: ${template}}]\n`;
    for (const template of ["plain", "flan"]) {
      const found = await read(
        `${mixture(template)}  mixing: {kind: proportional, stop: all_exhausted}\n  split: {validation: 0.2, stratify: label}\n`,
      );
      expect(found.validation.length).toBeGreaterThanOrEqual(9 + 18);
      expect(leaked(found, "sentence")).toEqual([]);
      expect(found.notes.join("\n")).toMatch(/45 rows of some ask what a set before it asks/);
      expect(found.notes.join("\n")).not.toMatch(/validation prompts are in the training data/);
    }
  });

  it("of a conversation, of a paragraph, of a group that is named", async () => {
    const turns = (i: number, answers: number) =>
      Array.from({ length: answers }, (_, k) => [
        { role: "user", content: `What about ${i} and ${k}?` },
        { role: "assistant", content: `That is ${i * k}.` },
      ]).flat();
    await write(
      "talks.jsonl",
      Array.from({ length: 20 }, (_, i) => ({ messages: turns(i, 3) })),
    );
    const talks = await read("  train: talks.jsonl\n  split: {validation: 0.3}\n");
    const talkOf = ({ id }: Example) => id.replace(/#\d+$/, "");
    const trained = new Set(talks.examples.map(talkOf));
    expect([talks.validation.length, talks.validation.filter((one) => trained.has(talkOf(one)))]).toEqual([18, []]);
    expect(talks.notes.join("\n")).toMatch(/rows of the same conversation stay together: 20 groups of 60 rows/);

    const questions = Array.from({ length: 40 }, (_, i) => ({
      ...{ id: `q${i}`, title: `t${i % 5}`, context: `Paragraph ${i % 10}.`, question: `Which is ${i}?` },
      answers: { text: [`${i % 10}`], answer_start: [10] },
    }));
    await write("squad.jsonl", questions);
    expect(leaked(await read("  train: squad.jsonl\n  split: {validation: 0.3}\n"), "context")).toEqual([]);
    const own = '  train: squad.jsonl\n  template: {prompt: "{question}", completion: "{context}"}\n';
    expect(leaked(await read(`${own}  split: {validation: 0.3, group: title}\n`), "title")).toEqual([]);
    expect(leaked(await read(`${own}  split: {validation: 0.3}\n`), "title")).not.toEqual([]);
    await expect(read(`${own}  split: {validation: 0.3, group: page}\n`)).rejects.toThrow(
      /data\.split\.group: q0 has no text field "page"/,
    );
  });

  it("a solved example is never the row itself in another phrasing", async () => {
    await write("pairs.jsonl", [...dialogues.slice(0, 4), ...twice.slice(60, 64)]);
    const { examples } = await read("  train: pairs.jsonl\n  template: flan\n  fewShot: {count: 3}\n");
    for (const { prompt } of examples) expect(new Set(prompt.match(/Is it \d+/g)).size).toBe(4);
  });
});

describe("32: onBadRow skip", () => {
  const rows = Array.from({ length: 300 }, (_, i) => ({ say: `number ${i}`, so: `it is ${i}` }));
  const own = '  train: rows.jsonl\n  template: {prompt: "{say}", completion: "{so}"}\n';
  const lines = (...bad: string[]) => [...rows.map((row) => JSON.stringify(row)), ...bad].join("\n");

  it("tells how many rows are left out, and the first one's fault: of the file, and of a template of one's own", async () => {
    await writeText("rows.jsonl", lines('{"say": 3', '{"say": "more"}'));
    await expect(read(own)).rejects.toThrow(/rows\.jsonl:301:/);
    const found = await read(`${own}  onBadRow: skip\n`);
    expect(found.examples).toHaveLength(300);
    expect(found.notes.join("\n")).toMatch(
      /2 of 302 rows of .*rows\.jsonl are bad and left out; the first: .*rows\.jsonl:301:10: not JSON/,
    );
    expect(await findings(`${own}  onBadRow: skip\n`)).toMatchObject({ "bad row": 2 });
    await writeText("rows.jsonl", lines('{"say": "more"}'));
    await expect(read(own)).rejects.toThrow(/rows\.jsonl:301: no field "so", which data\.template\.completion needs/);
  });

  it("counts the bad rows of all stages together, also where data.limit ends the reading", async () => {
    await writeText("rows.jsonl", lines("oops", "oops", '{"say": "a"}', '{"say": "b"}'));
    await expect(read(`${own}  onBadRow: skip\n`)).rejects.toThrow(/4 of 304 rows are bad, more than 1 %; the first: .*:301:/);
    await writeText("rows.jsonl", ["oops", ...rows.map((row) => JSON.stringify(row))].join("\n"));
    await expect(read(`${own}  onBadRow: skip\n  limit: 20\n`)).rejects.toThrow(/1 of 21 rows are bad/);
    expect((await read(`${own}  onBadRow: skip\n  limit: 200\n`)).examples).toHaveLength(200);
  });

  it("34, 35: text that is broken and lines that are long are let through where the run says so", async () => {
    await writeFile(path.join(folder, "rows.jsonl"), Buffer.from('{"say": "caf\xe9 au lait", "so": "milk"}\n', "latin1"));
    await expect(read(own)).rejects.toThrow(/rows\.jsonl:1: byte 12 .* is not UTF-8; .*\(onBadText: replace\)/);
    expect((await read(`${own}  onBadText: replace\n`)).examples[0]!.prompt).toBe("caf\ufffd au lait");
    await writeText("rows.jsonl", lines());
    await expect(read(`${own}  maxLineBytes: 20\n`)).rejects.toThrow(
      /longer than 20 bytes; is this JSON Lines\? maxLineBytes allows more/,
    );
  });

  it("40: what a limit does not read cannot be bad", async () => {
    await writeText("rows.jsonl", lines("oops"));
    expect((await read(`${own}  limit: 300\n`)).examples).toHaveLength(300);
  });
});
