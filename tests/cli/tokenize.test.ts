// attune tokenize: rows in, rows out, in order and in little memory, whatever reads them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { loadTokenizer } from "@attune/models";
import { diskFiles } from "@attune/models/node";
import { afterAll, beforeAll, expect, it } from "vitest";
import { attune } from "./attune.js";
import { writeTinyModel } from "./tinyModel.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
let folder: string;
const at = (name: string) => path.join(folder, name);
const line = (row: object) => `${JSON.stringify(row)}\n`;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "attune-tokenize-"));
  await writeTinyModel(at("model"));
});
afterAll(() => rm(folder, { recursive: true }));

it("gives ids, pieces and text of each row, from stdin and from a file", async () => {
  const tokenizer = await loadTokenizer(diskFiles(at("model")));
  const texts = ["say: hi", "", "a much longer thing"];
  const input = texts.map((text) => line({ text, other: "ok" })).join("\n"); // with blank lines between
  const rows = ({ stdout }: { stdout: string }) =>
    stdout
      .trimEnd()
      .split("\n")
      .map((row) => JSON.parse(row));
  const plain = await attune(["tokenize", "--tokenizer", at("model")], { input });
  expect(plain).toMatchObject({ code: 0, stderr: "" });
  const expected = texts.map((text) => {
    const encoded = tokenizer.tokenize(text);
    return { ...encoded, decoded: tokenizer.decode(encoded.ids, { skipSpecialTokens: false }) };
  });
  expect(rows(plain)).toEqual(expected);

  await writeFile(at("rows.jsonl"), input);
  const bare = await attune([
    "tokenize",
    "--tokenizer",
    at("model"),
    "--file",
    at("rows.jsonl"),
    "--no-special",
    "--pair",
    "other",
  ]);
  expect(rows(bare).map(({ ids }) => ids)).toEqual(
    texts.map((text) => tokenizer.encode(text, { addSpecialTokens: false, pair: "ok" })),
  );
});

it("names the line that is wrong, after the rows before it", async () => {
  const input = `${line({ text: "hi" })}${line({ txt: 1 })}${line({ text: "never" })}`;
  const ended = await attune(["tokenize", "--tokenizer", at("model")], { input });
  expect(ended.code).toBe(3);
  expect(ended.stdout.trimEnd().split("\n")).toHaveLength(1);
  expect(ended.stderr).toBe('error: stdin:2: expected {"text": "..."}, found {"txt":1}\n');
  const missing = await attune(["tokenize", "--tokenizer", at("model"), "--file", at("none.jsonl")]);
  expect(missing).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/no such file/) });
});

it("holds neither its input nor its output, and ends quietly when nobody reads on", async () => {
  const args = ["--max-old-space-size=48", "--import", "tsx", "--conditions=@attune/source", "apps/cli/src/main.ts"];
  const child = spawn(process.execPath, [...args, "tokenize", "--tokenizer", at("model")], { cwd: root });
  const errors: string[] = [];
  let rows = 0;
  child.stderr.on("data", (data) => void errors.push(String(data)));
  const total = 30_000; // some 30 MB of output
  const blocks = Array.from({ length: total / 500 }, () => line({ text: "hi ".repeat(20) }).repeat(500));
  const feed = pipeline(Readable.from(blocks), child.stdin).catch(() => {}); // it ends before it has read everything
  for await (const data of child.stdout) {
    rows += String(data).split("\n").length - 1;
    if (rows > total * 0.75) break; // closes the pipe
  }
  const [code] = await once(child, "exit");
  await feed;
  expect({ code, errors }).toEqual({ code: 0, errors: [] });
});
