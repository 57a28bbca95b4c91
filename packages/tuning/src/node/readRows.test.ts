import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sharedFolder } from "../../testing/shared.js";
import { fileKind } from "../datasets/fileKind.js";
import { readJson } from "../datasets/json.js";
import { readJsonl } from "../datasets/jsonl.js";
import { chunksOf, type ReadRowsOptions, readRows } from "./readRows.js";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "attune-rows-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function rowsOf(name: string, content: string | Uint8Array, options: ReadRowsOptions = {}) {
  const file = join(folder, name);
  await writeFile(file, content);
  const rows: [string, Record<string, unknown>][] = [];
  for await (const { where, fields } of readRows(file, options)) rows.push([where.slice(folder.length + 1), fields]);
  return rows;
}
const faultOf = (name: string, content: string | Uint8Array, options: ReadRowsOptions = {}) =>
  rowsOf(name, content, options).then(
    () => expect.fail("was read"),
    (error: Error) => {
      expect(error).toMatchObject({ exitClass: "data" });
      expect(error.message).not.toMatch(/[\n\x1b]/);
      return error.message.replace(`${folder}/`, "");
    },
  );
const bytes = (...values: number[]) => Uint8Array.from(values);
const latin = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

describe("readRows reads", () => {
  it.each<[string, string, string | Uint8Array, [string, Record<string, unknown>][]]>([
    [
      "33: JSONL with mark, CRLF, no final newline",
      "a.jsonl",
      '\ufeff{"a":1}\r\n\r\n{"a":2}',
      [
        ["a.jsonl:1", { a: 1 }],
        ["a.jsonl:3", { a: 2 }],
      ],
    ],
    [
      "JSONL that is called .json",
      "a.json",
      '{"a":1}\n{"a":2}\n',
      [
        ["a.json:1", { a: 1 }],
        ["a.json:2", { a: 2 }],
      ],
    ],
    [
      "an array",
      "b.json",
      '\ufeff[\n  {"a": "],\\"}"},\n\n  {"b": [1, {"c": 2}]}\n]\n',
      [
        ["b.json:2", { a: '],"}' }],
        ["b.json:4", { b: [1, { c: 2 }] }],
      ],
    ],
    [
      "rows within an object",
      "c.json",
      '{"version": "data", "data": [{"a":1},\n{"a":2}], "more": [{"x": "]"}]}',
      [
        ["c.json:1", { a: 1 }],
        ["c.json:2", { a: 2 }],
      ],
    ],
    ["one object over many lines", "d.json", '{\n "a": 1\n}', [["d.json:1", { a: 1 }]]],
    [
      "36: CSV with quotes, line breaks, CRLF",
      "a.csv",
      'id,text\r\n1,"a ""b"",\nc"\r\n2,d\r\n',
      [
        ["a.csv:2", { id: "1", text: 'a "b",\nc' }],
        ["a.csv:4", { id: "2", text: "d" }],
      ],
    ],
    ["36: CSV with semicolons", "s.csv", "a;b\n1,5;2\n", [["s.csv:2", { a: "1,5", b: "2" }]]],
    ["TSV does not quote", "a.tsv", 'q\ta\n"x" y\tz\n', [["a.tsv:2", { q: '"x" y', a: "z" }]]],
    ["TSV without names", "b.tsv", "What is it?\tyes\n", [["b.tsv:1", { column1: "What is it?", column2: "yes" }]]],
    ["TSV that quotes all", "c.tsv", 'q\ta\n"x\ty"\t"z"\n', [["c.tsv:2", { q: "x\ty", a: "z" }]]],
    [
      "plain text",
      "a.txt",
      "one\r\n\n two\u2028x",
      [
        ["a.txt:1", { text: "one" }],
        ["a.txt:3", { text: " two\u2028x" }],
      ],
    ],
    ["packed rows", "a.jsonl.gz", gzipSync('{"a":1}\n'), [["a.jsonl.gz:1", { a: 1 }]]],
  ])("%s", async (_, name, content, expected) => expect(await rowsOf(name, content)).toEqual(expected));

  it("paragraphs, latin1, and what is not UTF-8 line by line", async () => {
    expect(await rowsOf("p.txt", "a\nb\n\n\nc\n", { unit: "paragraph" })).toEqual([
      ["p.txt:1", { text: "a\nb" }],
      ["p.txt:5", { text: "c" }],
    ]);
    expect(await rowsOf("l.txt", latin("Sepp\xe4l\xe4 \x85"), { encoding: "latin1" })).toEqual([
      ["l.txt:1", { text: "Sepp\xe4l\xe4 \x85" }],
    ]);
    const mixed = Buffer.concat([Buffer.from("Größe\n"), latin("Gr\xf6\xdfe\n")]);
    expect((await rowsOf("m.txt", mixed, { encoding: "auto" })).map(([, { text }]) => text)).toEqual(["Größe", "Größe"]);
  });

  it("the same rows of JSON however the bytes are cut", async () => {
    const text = new TextEncoder().encode('{"n": -1, "data": [{"a": "ö\\\\\\"]"}, {"b": {"c": []}}\n, {}], "z": {"y": [1]}}\n');
    for (let size = 1; size < text.length; size++) {
      const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.subarray(i * size, (i + 1) * size));
      const rows: unknown[] = [];
      for await (const row of readJson(chunks, "f")) rows.push(row);
      expect(rows).toEqual([
        { where: "f:1", fields: { a: 'ö\\"]' } },
        { where: "f:1", fields: { b: { c: [] } } },
        { where: "f:2", fields: {} },
      ]);
    }
  });
});

describe("readRows refuses", () => {
  it.each<[string, string, string | Uint8Array, RegExp]>([
    ["32: a broken element", "a.json", '[\n{"a": 1},\n {"a": oops}]', /^a.json:3:8: not JSON: expected a value, near/],
    ["32: a fault on a later line of an element", "b.json", '[{\n"a": 1,\n"b" 2}]', /^b.json:3:5: not JSON/],
    ["32: rows without a comma", "c.json", '[{"a":1} {"a":2}]', /^c.json:1:10: not JSON: expected "," or "\]"/],
    ["32: a truncated array", "d.json", '[{"a":1},\n', /^d.json:2:1: not JSON: the file ends before "\]"; it is truncated/],
    ["32: a truncated element", "e.json", '[{"a":1},\n{"b', /the file ends within the row that began at line 2/],
    ["39: a number among the rows", "f.json", '[{"a":1}, 7]', /^f.json:1:11: expected a JSON object, found a number: 7/],
    [
      "35: an array that is not UTF-8",
      "g.json",
      Buffer.concat([Buffer.from('[{"a":"'), bytes(0xe9), Buffer.from('"}]')]),
      /^g.json:1: byte 7 of the file .* is not UTF-8/,
    ],
    ["35: UTF-16", "h.jsonl", bytes(0xff, 0xfe, 0x7b, 0), /^h.jsonl: is UTF-16; convert it to UTF-8/],
    [
      "35: UTF-16 without its mark",
      "h2.jsonl",
      bytes(0x7b, 0, 0x22, 0, 0x61, 0),
      /^h2.jsonl: begins with NUL bytes; it is UTF-16/,
    ],
    ["35: a binary file by the name of a table", "h3.csv", bytes(0, 1, 2, 10), /^h3.csv: begins with NUL bytes/],
    [
      "34: a line of text that is too long",
      "long.txt",
      "x".repeat(17 * 2 ** 20),
      /^long.txt:1: the line that begins at byte 0 is longer/,
    ],
    ["34: a record of a table that is too long", "long.csv", `a,b\n1,"${`${"x".repeat(2 ** 20)}\n`.repeat(18)}`, /^long.csv:2: /],
    ["36: an open quote", "a.csv", 'a,b\n1,"x\n2,y\n', /^a.csv:2: a quote is opened and never closed/],
    ["36: text after a quote", "b.csv", 'a,b\n1,"x"y\n', /^b.csv:2: text follows a closing quote/],
    ["36: a quote within a field", "q.csv", 'a,b\n1,x"y\n', /^q.csv:2: a quote stands within a field/],
    ["36: a ragged row", "c.csv", "a,b\n1,2\n3\n", /^c.csv:3: has 1 fields, expected 2: a, b$/],
    ["36: a repeated name", "d.csv", "a,a\n1,2\n", /^d.csv:1: two columns are called "a"/],
    ["36: an empty name", "e.csv", "a,,c\n1,2,3\n", /^e.csv:1: column 2 has no name; found "a", "", "c"/],
    ["36: a row above the header only", "f.csv", "a,b\n", /^f.csv: has no rows; expected records below a header/],
    ["40: an empty file", "a.parquet", "", /^a.parquet: has no rows; the file is empty/],
    ["40: an empty array", "i.json", "[]", /^i.json: has no rows/],
    ["a damaged archive", "a.jsonl.gz", bytes(0x1f, 0x8b, 8, 0, 1, 2, 3), /cannot be unpacked/],
  ])("%s", async (_, name, content, message) => expect(await faultOf(name, content)).toMatch(message));

  it("34: an element that never ends, without holding it", async () => {
    let given = 0;
    async function* endless() {
      yield new TextEncoder().encode('[{"a":"');
      for (;;) {
        given += 1 << 16;
        yield new Uint8Array(1 << 16).fill(97);
      }
    }
    await expect(readJson(endless(), "f").next()).rejects.toThrow(
      /f:1: the row that begins at byte 1 is longer than 16777216 bytes/,
    );
    expect(given).toBeLessThan(17 * 2 ** 20);
  });

  it("34: an archive that unpacks to far more than it is, no further than the longest line", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20, 97));
    expect(bomb.length).toBeLessThan(2 ** 17);
    expect(await faultOf("bomb.jsonl.gz", bomb)).toMatch(
      /bomb.jsonl.gz:1: the line that begins at byte 0 is longer than 16777216/,
    );
    let given = 0;
    async function* counted() {
      for await (const chunk of chunksOf(join(folder, "bomb.jsonl.gz"))) {
        given += chunk.length;
        yield chunk;
      }
    }
    await expect(readJsonl(counted(), "f").next()).rejects.toThrow(/is longer than 16777216 bytes/);
    expect(given).toBeLessThan(17 * 2 ** 20);
  });

  it("36: ragged rows are skipped when told to, up to 1 %", async () => {
    const rows = `a,b\n${"1,2\n".repeat(150)}3\n`;
    expect(await rowsOf("r.csv", rows, { onBadRow: "skip" })).toHaveLength(150);
    expect(await faultOf("r2.csv", "a,b\n1,2\n3\n", { onBadRow: "skip" })).toMatch(/1 of 2 rows are bad, more than 1 %/);
  });
});

describe("37: Parquet", () => {
  const table = (rows = 2500) =>
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [
          { name: "question", data: Array.from({ length: rows }, (_, i) => (i % 7 === 0 ? `q${i}` : "same")), type: "STRING" },
          { name: "count", data: Array.from({ length: rows }, (_, i) => BigInt(i)), type: "INT64" },
          { name: "maybe", data: Array.from({ length: rows }, (_, i) => (i % 2 ? null : "x")), type: "STRING", nullable: true },
        ],
        rowGroupSize: 1100,
      }),
    );

  it("is read through row groups, dictionary pages, optional values and int64", async () => {
    const rows = await rowsOf("a.parquet", table());
    expect(rows).toHaveLength(2500);
    expect(rows[1]).toEqual(["a.parquet:2", { question: "same", count: 1, maybe: null }]);
    expect(rows[2499]).toEqual(["a.parquet:2500", { question: "q2499", count: 2499, maybe: null }]);
  });

  const cut = (content: Uint8Array, ...pieces: [number, number][]) =>
    Buffer.concat(pieces.map(([a, b]) => content.subarray(a, b)));
  it.each<[string, (content: Uint8Array) => Uint8Array, RegExp]>([
    ["another file's magic", (c) => cut(c, [0, 4], [0, 100]), /cannot be read as Parquet: does not end with "PAR1"/],
    ["a truncated file", (c) => c.subarray(0, c.length - 200), /does not end with "PAR1"; it is truncated/],
    ["a footer longer than the file", (c) => c.with(c.length - 5, 0x7f), /its footer claims \d+ bytes, more than the file has/],
    ["pages that are not there", (c) => cut(c, [0, 4], [c.length - 500, c.length]), /cannot be read as Parquet: /],
  ])("%s", async (_, damage, message) => expect(await faultOf("d.parquet", damage(table()))).toMatch(message));

  it("is refused where a row group is larger than allowed, and where its reader is silent or hungry", async () => {
    expect(await faultOf("e.parquet", table(), { parquet: { maxGroupBytes: 100 } })).toMatch(
      /row group 1 unpacks to \d+ bytes, at most 100/,
    );
    expect(await faultOf("f.parquet", table(), { parquet: { timeoutMs: 1 } })).toMatch(/no answer in 0.001 s; is it damaged\?/);
  });

  it("never ends in anything but rows or one line, whatever bytes are flipped", async () => {
    const content = table(50);
    for (let trial = 0; trial < 3; trial++) {
      const damaged = Uint8Array.from(content);
      damaged[4 + ((trial * 7919) % (content.length - 12))]! ^= 1 << trial;
      const result = await rowsOf("x.parquet", damaged, { parquet: { timeoutMs: 3000, maxHeapMb: 128 } }).catch(
        (error: Error) => error,
      );
      if (result instanceof Error)
        expect(result).toMatchObject({ exitClass: "data", message: expect.stringContaining("x.parquet") });
    }
  });
});

it("fileKind believes the content before the name", () => {
  const kind = (name: string, text: string) => fileKind(name, new TextEncoder().encode(text));
  expect(kind("a.csv", "PAR1...")).toBe("parquet");
  expect(kind("a.json", '{"data": [{"a": 1}]}')).toBe("json");
  expect(kind("a.json", '{"data": [{"a": 1}]}\n')).toBe("json");
  expect(kind("a", '{"a": 1}\n{"a": 2}')).toBe("jsonl");
  expect(kind("a", "hello")).toBe("text");
  expect(kind("A.TSV.gz", "a\tb")).toBe("tsv");
});

describe("the real files", () => {
  const shared = sharedFolder("data/samsum", "data/squad", "data/alpaca", "data/flan_cot");
  it.skipIf(!shared).each([
    ["samsum/train.csv", 14_731],
    ["squad/dev-v1.1.json", 48],
    ["alpaca/alpaca_5000.json", 5000],
    ["flan_cot/creak_train.tsv", 6915],
    ["hf_test_samples/wmt_en_ro/train.json", 11],
  ])("%s has %i rows", async (name, count) => {
    let seen = 0;
    for await (const _ of readRows(`${shared}data/${name}`)) seen++;
    expect(seen).toBe(count);
  });
});
