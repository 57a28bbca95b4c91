import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildCharsmap } from "../../testing/charsmap.js";
import { sharedFolder } from "../../testing/shared.js";
import { diskFiles } from "../node.js";
import { type FileSource, memoryFiles } from "../source.js";
import { padIds } from "./batch.js";
import { byteLevelWords } from "./byteLevel.js";
import { graphemes, precompiledNormalizer } from "./precompiled.js";
import { checkTokenizerFits, createTokenizer, loadTokenizer } from "./tokenizer.js";

/** A toy in T5's form. */
const toy = (normalizer: object | null = null) => ({
  version: "1.0",
  added_tokens: ["<pad>", "</s>", "<unk>"]
    .map((content, id) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }))
    .concat(
      [
        { id: 8, content: "<extra_id_1>" },
        { id: 9, content: "<extra_id_0>" },
      ].map((t) => ({ ...t, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })),
    ),
  normalizer,
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [{ type: "WhitespaceSplit" }, { type: "Metaspace", replacement: "▁", prepend_scheme: "always" }],
  },
  post_processor: {
    type: "TemplateProcessing",
    single: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }],
    pair: [
      { Sequence: { id: "A", type_id: 0 } },
      { SpecialToken: { id: "</s>", type_id: 0 } },
      { Sequence: { id: "B", type_id: 0 } },
      { SpecialToken: { id: "</s>", type_id: 0 } },
    ],
    special_tokens: { "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
  },
  decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
  model: {
    type: "Unigram",
    unk_id: 2,
    vocab: [
      ["<pad>", 0],
      ["</s>", 0],
      ["<unk>", 0],
      ["▁", -2],
      ["▁a", -3],
      ["b", -3.5],
      ["ab", -4],
      ["▁ab", -5],
    ],
  },
});

describe("a toy tokenizer (always runs)", () => {
  const tokenizer = createTokenizer(toy());

  it("finds the best pieces, one unknown for neighbours, and ends with </s>", () => {
    expect(tokenizer.encode("zz")).toEqual([3, 2, 1]);
    expect(tokenizer.encode("zqb a")).toEqual([3, 2, 5, 4, 1]);
    expect(tokenizer.encode("ab\n b")).toEqual([7, 3, 5, 1]);
    expect(tokenizer.decode([7, 3, 5, 1])).toBe("ab b");
    expect(tokenizer.encode("", { addSpecialTokens: false })).toEqual([]);
    expect(tokenizer.encode("")).toEqual([1]);
  });

  it("takes special tokens in a text for what they are, and still adds its own", () => {
    expect(tokenizer.encode("a</s>b<extra_id_0>")).toEqual([4, 1, 3, 5, 9, 1]);
    expect(tokenizer.decode([4, 1, 9, 5], { skipSpecialTokens: false })).toContain("</s>");
  });

  it("keeps </s> when it cuts", () => {
    expect(tokenizer.encode("ab ab ab", { maxLength: 3 })).toEqual([7, 7, 1]);
    expect(tokenizer.encode("ab ab ab", { maxLength: 1 })).toEqual([1]);
    expect(tokenizer.encode("ab ab ab", { maxLength: 2, addSpecialTokens: false })).toEqual([7, 7]);
    expect(() => tokenizer.encode("ab", { maxLength: 0 })).toThrow(/no room/);
  });

  it("knows its tokens; ids without one decode to nothing", () => {
    expect(tokenizer).toMatchObject({ vocabSize: 10, padId: 0, eosId: 1, unkId: 2, sentinelIds: [9, 8] });
    expect([tokenizer.tokenToId("ab"), tokenizer.idToToken(6), tokenizer.tokenToId("none"), tokenizer.idToToken(99)]).toEqual([
      6,
      "ab",
      undefined,
      undefined,
    ]);
    expect(tokenizer.decode([99, 7, 32127, -100])).toBe("ab");
    expect(tokenizer.decode([])).toBe("");
  });

  it("strips what Rust calls white space: U+0085, but not U+FEFF", () => {
    const stripping = createTokenizer(toy({ type: "Strip", strip_left: true, strip_right: true }));
    expect(stripping.encode("\u0085ab\u0085")).toEqual([7, 1]);
  });

  it("loses the other end where that is asked for, or the settings say so", () => {
    expect(tokenizer.encode("ab a ab", { maxLength: 3, truncation: "left" })).toEqual([4, 7, 1]);
    const left = createTokenizer(toy(), { truncation_side: "left", padding_side: "left" });
    expect(left).toMatchObject({ truncationSide: "left", paddingSide: "left" });
    expect(left.encode("ab a ab", { maxLength: 3 })).toEqual([4, 7, 1]);
    expect(tokenizer).toMatchObject({ truncationSide: "right", paddingSide: "right" });
  });

  it("joins pairs as the template says, and shows the pieces that ids stand for", () => {
    expect(tokenizer.encode("ab", { pair: "a" })).toEqual([7, 1, 4, 1]);
    expect(() => tokenizer.encode("ab", { pair: "a", maxLength: 3 })).toThrow(/a pair has 4 ids, more than maxLength 3/);
    expect(tokenizer.tokenize("a q")).toEqual({ ids: [4, 3, 2, 1], tokens: ["▁a", "▁", "q", "</s>"] });
    expect(tokenizer.tokenize("a", { addSpecialTokens: false }).tokens).toEqual(["▁a"]);
  });

  it("takes special tokens from the settings, as text or object", () => {
    expect(createTokenizer(toy(), { eos_token: { content: "<unk>" }, pad_token: "</s>" })).toMatchObject({ eosId: 2, padId: 1 });
    expect(() => createTokenizer(toy(), { pad_token: "<none>" })).toThrow(/no padding token/);
  });

  it("is refused when a model has fewer rows", () => {
    expect(() => checkTokenizerFits(tokenizer, 9, "model")).toThrow(/ids up to 9 \("<extra_id_0>"\)/);
    checkTokenizerFits(tokenizer, 10, "model");
  });

  it("says which file is needed", async () => {
    await expect(loadTokenizer(memoryFiles({ "spiece.model": "" }))).rejects.toThrow(
      /spiece.model but no tokenizer.json, which is needed: fetch it from .*save_pretrained/,
    );
    await expect(loadTokenizer(memoryFiles({ "vocab.json": "{}" }))).rejects.toThrow(/has vocab.json but no merges.txt/);
    await expect(loadTokenizer(memoryFiles({ "merges.txt": "" }))).rejects.toThrow(/has merges.txt but no vocab.json/);
    await expect(loadTokenizer(memoryFiles({}))).rejects.toMatchObject({ exitClass: "data" });
    await expect(loadTokenizer(memoryFiles({ "tokenizer.json": "{" }))).rejects.toThrow(/not JSON/);
    await expect(loadTokenizer(memoryFiles({ "tokenizer.json": "{}" }))).rejects.toThrow(/cannot be used/);
    expect((await loadTokenizer(memoryFiles({ "tokenizer.json": JSON.stringify(toy()) }))).encode("ab")).toEqual([7, 1]);
  });
});

describe("vocab.json and merges.txt (always runs)", () => {
  const vocab = { "<pad>": 0, "</s>": 1, a: 2, b: 3, Ġ: 4, ab: 5, Ġab: 6 };
  const files = (settings: object, more: Record<string, string> = {}) =>
    memoryFiles({
      "vocab.json": JSON.stringify(vocab),
      "merges.txt": "#version: 0.2\na b\nĠ ab\n",
      "tokenizer_config.json": JSON.stringify({
        bos_token: "</s>",
        eos_token: { content: "</s>" },
        pad_token: "<pad>",
        ...settings,
      }),
      ...more,
    });

  it("make a byte-level tokenizer; a text begins as add_bos_token says, or as OPT's", async () => {
    const plain = await loadTokenizer(files({}));
    expect(plain.encode("ab ab")).toEqual([5, 6]);
    expect(plain.decode([5, 6])).toBe("ab ab");
    expect(plain).toMatchObject({ bosId: 1, eosId: 1, padId: 0 });
    const beginning = await loadTokenizer(files({ add_bos_token: true }));
    expect([beginning.encode("ab"), beginning.encode("ab", { addSpecialTokens: false })]).toEqual([[1, 5], [5]]);
    expect(beginning.encode("ab", { pair: "a" })).toEqual([1, 5, 1, 2]);
    expect(beginning.encode("a</s>b")).toEqual([1, 2, 1, 3]);
    const opt = { "config.json": JSON.stringify({ model_type: "opt" }) };
    expect((await loadTokenizer(files({}, opt))).encode("ab")).toEqual([1, 5]);
    expect((await loadTokenizer(files({ add_bos_token: false }, opt))).encode("ab")).toEqual([5]);
  });

  it("with added tokens, in a file or in the settings", async () => {
    const added = await loadTokenizer(files({ add_bos_token: true }, { "added_tokens.json": JSON.stringify({ "<x>": 7 }) }));
    expect(added.encode("a<x>b")).toEqual([1, 2, 7, 3]);
    expect(added.decode([2, 7])).toBe("a<x>"); // not special
    const decoder = { 8: { content: "<y>", special: true, lstrip: true } };
    const special = await loadTokenizer(files({ added_tokens_decoder: decoder }));
    expect(special.encode("a <y>")).toEqual([2, 8]);
    expect(special.decode([2, 8])).toBe("a");
    expect(special.vocabSize).toBe(9);
  });

  it("are refused where a line is no pair or a role's token is in no table", async () => {
    await expect(loadTokenizer(files({}, { "merges.txt": "a b\nabc\n" }))).rejects.toThrow(
      /line 2 is "abc", expected two pieces/,
    );
    await expect(loadTokenizer(files({ pad_token: "<none>" }))).rejects.toThrow(/pad_token is "<none>", which vocab.json/);
  });
});

describe("byteLevelWords", () => {
  const words = byteLevelWords({ addPrefixSpace: false, useRegex: true });
  it("cuts as GPT-2 does, and spells bytes", () => {
    expect(words("Hello  world's 123abc\n\n x")).toEqual(["Hello", "Ġ", "Ġworld", "'s", "Ġ123", "abc", "ĊĊ", "Ġx"]);
    expect(words("é")).toEqual(["Ã©"]);
    expect(byteLevelWords({ addPrefixSpace: true, useRegex: false })("a b")).toEqual(["ĠaĠb"]);
  });

  it("takes for white space what Unicode does: U+0085, but not U+FEFF", () => {
    expect(words("a\u0085b")).toEqual(["a", "Âħ", "b"]);
    expect(words(" \ufeff!")).toEqual(["Ġï»¿!"]); // one word with the blank before it
    expect(words("\u0085're")).toEqual(["Âħ", "'re"]);
  });
});

describe("padIds", () => {
  it("pads on the side asked for", () => {
    expect(padIds([[5, 6], [7]], { padId: 0 })).toMatchObject({ rows: 2, length: 2, ids: Int32Array.of(5, 6, 7, 0) });
    const left = padIds([[5, 6], [7]], { padId: 9, side: "left", length: 3 });
    expect([left.ids, left.mask]).toEqual([Int32Array.of(9, 5, 6, 9, 9, 7), Int32Array.of(0, 1, 1, 0, 0, 1)]);
    expect(() => padIds([[1, 2]], { padId: 0, length: 1 })).toThrow(/2 ids/);
  });
});

describe("precompiledNormalizer", () => {
  const map = { "▁": " ", "a\u0301": "á", "½": "1⁄2", "\n": " ", "\r": " ", ﬁ: "fi" };
  const normalize = precompiledNormalizer(buildCharsmap(map), "test");

  it("replaces characters and short graphemes, the rest of a grapheme with its first match", () => {
    expect(normalize("x\n½ﬁ")).toBe("x 1⁄2fi");
    expect(normalize("a\u0301b")).toBe("áb");
    expect(normalize("▁\u0301b")).toBe(" b"); // 5 bytes: the mark goes with the replaced character
    expect(normalize("▁\u0301\u0302b")).toBe(" \u0301\u0302b"); // 7 bytes: character by character
    expect(normalize("\r\n")).toBe(" "); // one grapheme of 2 bytes
    expect(normalize("a")).toBe("a"); // a prefix of a key is no key
  });

  it("agrees with a plain map on text of single characters", () => {
    const key = fc.string({ unit: "binary", minLength: 1, maxLength: 1 }).filter((k) => !/[\0\p{M}\p{Cs}]/u.test(k));
    fc.assert(
      fc.property(fc.dictionary(key, fc.constantFrom("", "x", "yz", "é")), fc.array(key, { maxLength: 8 }), (entries, extra) => {
        const ours = precompiledNormalizer(buildCharsmap(entries), "test");
        for (const c of [...Object.keys(entries), ...extra]) expect(ours(c)).toBe(Object.hasOwn(entries, c) ? entries[c] : c);
      }),
      { numRuns: 30 },
    );
  });

  it("46: divides long texts into graphemes as they are in the whole, in linear time", () => {
    const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
    const whole = (text: string) => [...segmenter.segment(text)].map(({ segment }) => segment);
    const unit = fc.constantFrom(
      "a",
      " ",
      "\u0301",
      "\u200d",
      "👩",
      "🏽",
      "🇩",
      "🇪",
      "\r",
      "\n",
      "각",
      "ᄀ",
      "ᅡ",
      "क",
      "्",
      "\ud83d",
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (units, window) => {
        const text = units.join("");
        expect([...graphemes(text, segmenter, window)]).toEqual(whole(text));
      }),
      { numRuns: 1000, examples: [[["\ud83d", "🏽"], 1]] },
    );
    const begin = performance.now();
    let count = 0;
    for (const _ of graphemes("👩‍👩‍👧".repeat(20_000), segmenter)) count++;
    expect(count).toBe(20_000);
    expect(performance.now() - begin).toBeLessThan(5_000); // 12 s and more in one piece
  });

  it("refuses a damaged blob, and never throws anything else on one", () => {
    expect(() => precompiledNormalizer("?", "t")).toThrow(/not base64/);
    expect(() => precompiledNormalizer(btoa("abc"), "t")).toThrow(/cut short/);
    expect(() => precompiledNormalizer(btoa("\x08\0\0\0abcd"), "t")).toThrow(/wrong size/);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.string(), (bytes, text) => {
        const units = bytes.slice(0, bytes.length & ~3);
        const blob = Uint8Array.of(units.length, 0, 0, 0, ...units, 65, 0);
        expect(typeof precompiledNormalizer(btoa(String.fromCharCode(...blob)), "t")(text)).toBe("string");
      }),
    );
  });
});

interface Golden {
  cases: {
    text: string;
    ids: number[];
    ids_without_special: number[];
    tokens: string[];
    decoded: string;
    decoded_skip_special: string;
  }[];
  decode_only: { ids: number[]; decoded: string; decoded_skip_special: string }[];
  pairs: { a: string; b: string; ids: number[] }[];
}

const shared = sharedFolder(
  "golden/tokenizers/t5.json",
  "data/tokenizers/t5",
  "golden/tokenizers/opt.json",
  "data/tokenizers/opt",
);
describe.skipIf(!shared)("against Python's tokenizers", () => {
  const opt = `${shared}data/tokenizers/opt`;
  /** As the hub's official folders are: no tokenizer.json. */
  const withoutJson = (): FileSource => {
    const files = diskFiles(opt);
    const config = memoryFiles({ "config.json": '{"model_type":"opt"}' });
    const from = (path: string) => (path === "config.json" ? config : files);
    return {
      has: async (path) => path !== "tokenizer.json" && from(path).has(path),
      read: (path, range) => from(path).read(path, range),
      size: (path) => from(path).size(path),
      describe: (path) => files.describe(path),
    };
  };
  it.each<[string, string, () => FileSource]>([
    ["T5", "t5", () => diskFiles(`${shared}data/tokenizers/t5`)],
    ["OPT", "opt", () => diskFiles(opt)],
    ["OPT from vocab.json and merges.txt", "opt", withoutJson],
  ])("%s: the same ids, tokens, pairs and texts for all of the record", async (_, name, source) => {
    const tokenizer = await loadTokenizer(source());
    const golden = JSON.parse(await readFile(`${shared}golden/tokenizers/${name}.json`, "utf8")) as Golden;
    expect(golden.cases.length).toBe(150);
    for (const c of golden.cases) {
      expect(tokenizer.encode(c.text), JSON.stringify(c.text)).toEqual(c.ids);
      expect(tokenizer.encode(c.text, { addSpecialTokens: false }), JSON.stringify(c.text)).toEqual(c.ids_without_special);
      expect(tokenizer.tokenize(c.text).tokens, JSON.stringify(c.text)).toEqual(c.tokens);
    }
    for (const { a, b, ids } of golden.pairs) expect(tokenizer.encode(a, { pair: b })).toEqual(ids);
    for (const c of [...golden.cases, ...golden.decode_only]) {
      expect(tokenizer.decode(c.ids, { skipSpecialTokens: false })).toBe(c.decoded);
      expect(tokenizer.decode(c.ids)).toBe(c.decoded_skip_special);
    }
  });
});

describe.skipIf(!shared)("T5's own tokenizer", () => {
  const open = async () => ({ tokenizer: await loadTokenizer(diskFiles(`${shared}data/tokenizers/t5`)) });

  it("has 32,100 tokens, sentinels downwards, and decodes the model's 28 further ids to nothing", async () => {
    const { tokenizer } = await open();
    expect(tokenizer).toMatchObject({ vocabSize: 32100, padId: 0, eosId: 1, unkId: 2 });
    expect(tokenizer.sentinelIds).toEqual(Array.from({ length: 100 }, (_, i) => 32099 - i));
    expect(tokenizer.decode([8774, ...Array.from({ length: 28 }, (_, i) => 32100 + i)])).toBe("Hello");
  });

  it("survives a long run of one character", async () => {
    const { tokenizer } = await open();
    const begin = performance.now();
    expect(tokenizer.encode("a b ".repeat(25_000)).length).toBeGreaterThan(50_000);
    expect(performance.now() - begin).toBeLessThan(10_000);
  });

  it.each(["\0", "e\u0301\u0302", "\u4e00", "👩‍👩‍👧"])("46: is linear in a long word of %j, most of it unknown", async (unit) => {
    const { tokenizer } = await open();
    const begin = performance.now();
    const few = tokenizer.encode(`a${unit.repeat(100)}`);
    const many = tokenizer.encode(`a${unit.repeat(40_000)}`);
    expect(performance.now() - begin).toBeLessThan(10_000); // a minute and more, where it is quadratic
    expect(new Set(many)).toEqual(new Set(few));
  });
});
