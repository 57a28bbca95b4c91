import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createTokenizer, type TokenizerFiles } from "../tokenizers/tokenizer.js";
import { encodeAll } from "./encodePool.js";

const vocab = Object.fromEntries(["</s>", ..."abcdefghijklmnopqrstuvwxyz", "Ġ", "ab", "cd"].map((token, id) => [token, id]));
/** Byte-level BPE without an unknown token: what is not in the table cannot be spelled. */
const files: TokenizerFiles = {
  json: {
    added_tokens: [{ id: 0, content: "</s>", special: true }],
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab, merges: ["a b", "c d"] },
  },
  settings: { eos_token: "</s>", pad_token: "</s>" },
  where: "toy",
};
const tokenizer = createTokenizer(files.json, files.settings, files.where);
const textOf = (row: number) => `ab${"abcdef ".repeat(row % 7)}${String.fromCharCode(97 + (row % 26))}`;

async function collect(ids: AsyncIterable<Int32Array>): Promise<number[][]> {
  const rows: number[][] = [];
  for await (const row of ids) rows.push([...row]);
  return rows;
}

describe("encodeAll", () => {
  const texts = Array.from({ length: 5000 }, (_, row) => textOf(row));
  const expected = texts.map((text) => tokenizer.encode(text));

  it("gives what encode gives, in order: in threads, without them, and for few texts", async () => {
    const cut = { maxLength: 9, truncation: "left" } as const;
    const shortened = texts.map((text) => tokenizer.encode(text, cut));
    expect(shortened).not.toEqual(expected);
    expect(await collect(encodeAll(files, texts, { threads: 2, chunk: 100, ...cut }))).toEqual(shortened);
    expect(await collect(encodeAll(files, texts, { threads: 1 }))).toEqual(expected);
    expect(await collect(encodeAll(files, texts.slice(0, 10), { threads: 2 }))).toEqual(expected.slice(0, 10));
    expect(await collect(encodeAll(files, [], { threads: 2 }))).toEqual([]);
  });

  it("takes no more texts than it needs, and ends its threads and the source when the loop is left", async () => {
    let taken = 0;
    let isClosed = false;
    async function* endless(): AsyncGenerator<string> {
      try {
        for (;;) yield textOf(taken++);
      } finally {
        isClosed = true;
      }
    }
    for await (const ids of encodeAll(files, endless(), { threads: 2, chunk: 100 })) {
      expect(ids.length).toBeGreaterThan(0);
      await setTimeout(300); // a slow consumer
      break;
    }
    // what decides about threads, and two chunks for each of them
    expect(taken).toBeLessThanOrEqual(2000 + 100);
    expect(taken).toBeGreaterThanOrEqual(2000);
    expect(isClosed).toBe(true);
  });

  it("names the row that cannot be encoded, after all rows before it", async () => {
    for (const threads of [1, 2]) {
      const spoiled = texts.map((text, row) => (row === 3456 ? (null as never) : text));
      const rows: number[][] = [];
      const run = async () => {
        for await (const ids of encodeAll(files, spoiled, { threads, chunk: 100, rowName: (row) => `data.jsonl:${row}` }))
          rows.push([...ids]);
      };
      await expect(run()).rejects.toMatchObject({ exitClass: "data", message: "data.jsonl:3457: expected a text, found null" });
      expect(rows).toEqual(expected.slice(0, threads === 1 ? 3456 : 3400));
    }
  });

  it("a tokenizer that is refused, and a source that fails, end it", async () => {
    const broken = { ...files, json: {} };
    for (const threads of [1, 2])
      await expect(collect(encodeAll(broken, texts, { threads }))).rejects.toThrow(/expected an object "model"/);
    function* failing(): Generator<string> {
      yield* texts;
      throw new Error("the disk is gone");
    }
    await expect(collect(encodeAll(files, failing(), { threads: 2 }))).rejects.toThrow(/disk is gone/);
  });
});
