import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readJsonlFile } from "../node.js";
import { type JsonlOptions, readJsonl } from "./jsonl.js";

const bytes = (text: string) => new TextEncoder().encode(text);
async function rows(content: string | Uint8Array, options?: JsonlOptions, chunk = 1 << 16) {
  const all = typeof content === "string" ? bytes(content) : content;
  const chunks = Array.from({ length: Math.ceil(all.length / chunk) }, (_, i) => all.subarray(i * chunk, (i + 1) * chunk));
  const out = [];
  for await (const row of readJsonl(chunks, "f.jsonl", options)) out.push(row);
  return out;
}
const fault = (content: string | Uint8Array, options?: JsonlOptions) =>
  rows(content, options).then(
    () => undefined,
    (error: unknown) => error as Error,
  );

describe("readJsonl", () => {
  it("33: takes a byte order mark, CRLF, blank lines, no final newline", async () => {
    const read = await rows('\ufeff{"a":"1"}\r\n\r\n  \t\n{"a":"\u2028"}\n{"a":"3"}');
    expect(read.map((row) => [row.where, row.fields.a])).toEqual([
      ["f.jsonl:1", "1"],
      ["f.jsonl:4", "\u2028"],
      ["f.jsonl:5", "3"],
    ]);
  });

  it.each<[string, string | Uint8Array, RegExp]>([
    [
      "32: a bad line has file, line, column and a snippet",
      '{"a":1}\n{"a": oops}\n',
      /^f.jsonl:2:7: not JSON: expected a value, near "\{"a": oops\}"$/,
    ],
    ["32: an unfinished line", '{"a":1}\n{"a": "x', /^f.jsonl:2:9: not JSON: ended within a string/],
    ["32: a snippet cannot drive a terminal", '{"a": "\x1b[31m"}', /^f.jsonl:1:8: .*\\x1b\[31m/],
    ["32: two objects in a line", '{"a":1}{"a":2}', /^f.jsonl:1:8: not JSON: text goes on after the value/],
    ["39: an array", "[1]\n", /^f.jsonl:1:1: expected a JSON object, found an array: \[1\]$/],
    ["39: null", "null\n", /found null/],
    ["39: text", '"x"\n', /found a string/],
    ["40: empty", "", /^f.jsonl: has no rows/],
    ["40: blank lines only", "\n\n \n", /has no rows/],
    [
      "35: not UTF-8",
      Uint8Array.of(...bytes('{"a":"x"}\n{"a":"'), 0xe9, ...bytes('"}\n')),
      /^f.jsonl:2: byte 16 of the file \(byte 7 of the line\) is not UTF-8/,
    ],
    ["35: half a surrogate pair", '{"a":["\\ud83d"]}', /^f.jsonl:1: text holds half of a surrogate pair: "\\ud83d"/],
  ])("%s", async (_, content, message) => {
    const error = await fault(content);
    expect(error?.message).toMatch(message);
    expect(error).toMatchObject({ exitClass: "data" });
    expect(error?.message).not.toMatch(/[\n\x1b]/);
  });

  it("34: refuses a long line without holding it, naming the offset", async () => {
    expect((await fault(`{"a":1}\n{"a":"${"x".repeat(100)}"}\n`, { maxLineBytes: 64 }))?.message).toMatch(
      /f.jsonl:2: the line that begins at byte 8 is longer than 64/,
    );
    let given = 0;
    async function* endless() {
      for (;;) {
        given += 1 << 16;
        yield new Uint8Array(1 << 16).fill(97);
      }
    }
    await expect(async () => {
      for await (const _ of readJsonl(endless(), "f")) void _;
    }).rejects.toThrow(/longer than 16777216/);
    expect(given).toBeLessThan(17 * 2 ** 20);
  });

  it("35: replaces broken text when told to", async () => {
    const broken = Uint8Array.of(...bytes('{"a":"'), 0xe9, ...bytes('\\ud83d"}'));
    expect((await rows(broken, { onBadText: "replace" }))[0]!.fields.a).toBe("\ufffd\ufffd");
    expect((await rows('{"a":"\\ud83d\\ude00"}'))[0]!.fields.a).toBe("😀");
  });

  it("32: skips bad rows when told to, up to 1 %", async () => {
    const good = '{"a":1}\n'.repeat(199);
    const skipped: string[] = [];
    expect(await rows(`${good}oops\n`, { onBadRow: "skip", onSkip: (e) => skipped.push(e.message) })).toHaveLength(199);
    expect(skipped).toEqual([expect.stringMatching(/^f.jsonl:200:1/)]);
    expect((await fault('{"a":1}\noops\n', { onBadRow: "skip" }))?.message).toMatch(
      /1 of 2 rows are bad, more than 1 %; the first: f.jsonl:2/,
    );
  });

  it("gives the same rows however the bytes are cut", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.dictionary(fc.string(), fc.oneof(fc.string({ unit: "grapheme" }), fc.integer())), { minLength: 1 }),
        fc.integer({ min: 1, max: 9 }),
        async (list, chunk) => {
          const text = list.map((fields) => JSON.stringify(fields)).join("\n");
          const read = await rows(text, {}, chunk);
          expect(read.map((row) => JSON.stringify(row.fields))).toEqual(list.map((fields) => JSON.stringify(fields)));
        },
      ),
    ));

  it("fails with a data error or not at all, whatever the bytes", () =>
    fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array(), fc.json().map(bytes), fc.string().map(bytes)), async (content) => {
        const error = await fault(content);
        if (error) expect(error).toMatchObject({ exitClass: "data" });
      }),
    ));
});

describe("readJsonlFile", () => {
  it("reads from disk and reports what cannot be read", async () => {
    const dir = await mkdtemp(join(tmpdir(), "attune-jsonl-"));
    try {
      await writeFile(join(dir, "a.jsonl"), '{"a":"b"}\n');
      const read = [];
      for await (const row of readJsonlFile(join(dir, "a.jsonl"))) read.push(row);
      expect(read).toEqual([{ where: `${join(dir, "a.jsonl")}:1`, fields: { a: "b" } }]);
      await expect(readJsonlFile(join(dir, "none.jsonl")).next()).rejects.toThrow(/none.jsonl: no such file/);
      await expect(readJsonlFile(dir).next()).rejects.toThrow(/is a folder; expected a .jsonl file/);
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  const dialogsum = fileURLToPath(new URL("../../../../../shared/data/dialogsum/", import.meta.url));
  if (!existsSync(dialogsum))
    console.log("skipped: ../shared/data/dialogsum is not there (data that does not ship with the project)");
  it.skipIf(!existsSync(dialogsum))("reads DialogSum whole", async () => {
    const counts: Record<string, number> = {};
    for (const part of ["train", "dev", "test"]) {
      counts[part] = 0;
      for await (const row of readJsonlFile(`${dialogsum}dialogsum.${part}.jsonl`)) {
        if (typeof row.fields.dialogue === "string") counts[part]!++;
      }
    }
    expect(counts).toEqual({ train: 12_460, dev: 500, test: 500 });
  });
});
