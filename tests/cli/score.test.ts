// attune score on plain files: the numbers of the metrics' own functions, and one clear line for files that no score can be made of.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { corpusRouge } from "@attune/eval";
import { afterAll, beforeAll, expect, it } from "vitest";
import { attune, attuneInTurn, type Ended } from "./attune.js";

let folder: string;
const file = (name: string) => path.join(folder, name);
const OUTPUTS = ["the boat left at nine", "she paid, and left", ""];
const FIRST = ["the boat left early", "she paid 4.50", "nothing was said"];
const SECOND = ["a boat sailed at nine", "she paid and went", "nothing"];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-score-"));
  const jsonl = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");
  const files: Record<string, string | Uint8Array> = {
    "out.txt": `${OUTPUTS.join("\n")}\n`,
    "first.txt": `\ufeff${FIRST.join("\r\n")}\r\n`,
    "second.txt": SECOND.join("\n"),
    "both.jsonl": jsonl(OUTPUTS.map((output, i) => ({ output, references: [FIRST[i], SECOND[i]] }))),
    "both.csv": `id,output,one,two\n${OUTPUTS.map((text, i) => `${i},"${text}",${FIRST[i]},"${SECOND[i]}"\n`).join("")}`,
    "short.txt": "one\n",
    "empty.txt": "",
    "latin.txt": Uint8Array.from([...Buffer.from("fine\nna"), 0xef, ...Buffer.from("ve\nx\n")]),
    "number.jsonl": `${jsonl([{ output: "a" }])}{"output": {"a": 1}}\n`,
    "missing.jsonl": jsonl([
      { output: "a", references: "a" },
      { outptu: "b", references: "b" },
    ]),
    "ragged.csv": 'output,reference\n"a",b\n"c"\n',
    "labels.csv": "output,label\nup,up\nhm,up\ndown,down\n",
    "v2.jsonl": jsonl([
      { output: "", answers: { text: [], answer_start: [] } },
      { output: "nine", answers: { text: ["nine", "at nine"], answer_start: [1, 2] } },
    ]),
  };
  await Promise.all(Object.entries(files).map(([name, content]) => writeFile(file(name), content)));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("scores lines, JSON Lines and CSV alike, with several references, intervals and a comparison", {
  timeout: 60_000,
}, async () => {
  const of = async (...words: string[]) => {
    const { code, stdout, stderr } = await attune(["score", ...words]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  };
  const rouge = ["rouge", "--stemmer", "--json", "--bootstrap", "50"];
  const [lines, json, csv, text, v2] = await Promise.all([
    of(...rouge, "--predictions", file("out.txt"), "--references", file("first.txt"), file("second.txt")),
    of(...rouge, "--predictions", file("both.jsonl"), "--references", file("both.jsonl")),
    of(...rouge, "--predictions", file("both.csv"), "--references", file("both.csv"), "--reference-field", "one", "two"),
    of("sacrebleu", "--predictions", file("out.txt"), file("first.txt"), "--references", file("second.txt")),
    of("squad_v2", "--predictions", file("v2.jsonl"), "--references", file("v2.jsonl"), "--json"),
  ]);
  const expected = corpusRouge(
    FIRST.map((text, i) => [text, SECOND[i]!]),
    OUTPUTS,
    { useStemmer: true },
  );
  const { system: _, ...fromLines } = JSON.parse(lines);
  expect(fromLines.values.rouge1).toBeCloseTo(expected.mean.rouge1.fmeasure, 12);
  expect(fromLines.signature).toBe(expected.signature);
  expect(fromLines.intervals.rouge1.low).toBeLessThan(fromLines.values.rouge1);
  expect(JSON.parse(json)).toMatchObject(fromLines);
  expect(JSON.parse(csv)).toMatchObject(fromLines);
  expect(text).toMatch(/difference +p\n[\s\S]*\nbleu +[\d.]+ +[+-][\d.]+ +[\d.]+\n/);
  expect(text).toContain("paired-bootstrap|two-sided|conf:0.95|samples:1000|rng:numpy-pcg64|seed:12345|like:sacrebleu-bs");
  expect(JSON.parse(v2).values).toEqual({ exact_match: 100, f1: 100, has_answer_f1: 100, no_answer_f1: 100 });
});

it("says NaN as null in JSON", { timeout: 60_000 }, async () => {
  const files = ["--predictions", file("labels.csv"), "--references", file("labels.csv")];
  const { stdout } = await attune([
    "score",
    "classification",
    ...files,
    "--labels",
    "sideways",
    "--zero-division",
    "nan",
    "--json",
  ]);
  expect(stdout).not.toMatch(/: NaN/); // in a value; the signature says it in words
  expect(JSON.parse(stdout).values).toMatchObject({ accuracy: 2 / 3, f1_macro: null });
});

it("refuses bad files and options in one line each", { timeout: 60_000 }, async () => {
  const pair = (predictions: string, references: string, ...more: string[]) => [
    ...["rouge", "--predictions", file(predictions), "--references", file(references)],
    ...more,
  ];
  const cases: [words: string[], code: number, line: RegExp][] = [
    [pair("short.txt", "first.txt"), 3, /different numbers of rows: \S*short\.txt has 1, \S*first\.txt has 3/],
    [pair("empty.txt", "empty.txt"), 3, /no rows; a score needs at least one/],
    [pair("latin.txt", "first.txt"), 3, /latin\.txt:2: byte 7 of the file \(byte 3 of the line\) is not UTF-8/],
    [pair("nowhere.txt", "first.txt"), 3, /nowhere\.txt: no such file/],
    [pair("number.jsonl", "second.txt"), 3, /number\.jsonl:2: field "output": it is neither text nor a list/],
    [pair("missing.jsonl", "missing.jsonl"), 3, /missing\.jsonl:2: field "output": no such field; did you mean "outptu"/],
    [pair("both.jsonl", "both.jsonl", "--field", "references"), 3, /both\.jsonl:1: 2 predictions in one row/],
    [pair("out.txt", "first.txt", "--field", "x"), 3, /out\.txt: has lines of text and no fields/],
    [pair("ragged.csv", "ragged.csv"), 3, /ragged\.csv:3: has 1 fields, expected 2: output, reference/],
    [pair("both.csv", "both.csv"), 3, /both\.csv:2: has none of the fields references, .*; it has id, output, one, two/],
    [pair("out.txt", "first.txt", "--word-order", "2"), 2, /--word-order is no option of rouge; it takes --stemmer/],
    [pair("out.txt", "first.txt", "--bootstrap", "0"), 2, /expected a whole number from 1 on/],
    [["rogue", ...pair("out.txt", "first.txt").slice(1)], 2, /no metric named rogue \(did you mean rouge\?\); there are/],
    [["rouge", "--predictions", file("out.txt")], 2, /required option '--references/],
  ];
  const ended = await attuneInTurn(
    cases.map(([words]) => ["score", ...words]),
    {},
  );
  const problems = cases.flatMap(([words, code, line], i) => {
    const { code: found, stdout, stderr } = ended[i] as Ended;
    const isRight = found === code && stdout === "" && line.test(stderr) && stderr.trim().split("\n").length === 1;
    return isRight ? [] : [`score ${words.join(" ")}: ${found} ${stdout}${stderr}`];
  });
  expect(problems).toEqual([]);
});
