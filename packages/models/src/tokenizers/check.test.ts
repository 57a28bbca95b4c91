import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkTokenizerJson } from "./check.js";
import { whyDangerous } from "./regexGuard.js";
import { createTokenizer } from "./tokenizer.js";

const bpe = (model: object = {}, rest: object = {}) => ({
  model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2, "</s>": 3 }, merges: ["a b"], ...model },
  added_tokens: [{ id: 3, content: "</s>", special: true }],
  ...rest,
});
const nested = (depth: number): object =>
  depth === 0 ? { type: "NFC" } : { type: "Sequence", normalizers: [nested(depth - 1)] };

describe("a hostile or damaged tokenizer.json is refused in one line", () => {
  it.each<[string, object, RegExp]>([
    ["no model", {}, /expected an object "model", found nothing/],
    ["a list for a model", { model: [1] }, /found a list of 1/],
    ["an unknown model", bpe({ type: "Magic" }), /model.type is "Magic", supported are Unigram, BPE/],
    ["a vocabulary of the wrong form", bpe({ vocab: ["a"] }), /model.vocab is a list of 1, expected an object/],
    ["an id that is no number", bpe({ vocab: { a: "0" } }), /model.vocab gives "a" the id "0"/],
    ["an id that would take all memory", bpe({ vocab: { a: 4e9 } }), /gives "a" the id 4000000000/],
    ["merges that are no pairs", bpe({ merges: [["a"]] }), /model.merges\[0\] is a list of 1, expected a pair/],
    ["no merges", bpe({ merges: 7 }), /model.merges is 7/],
    ["a score that is no number", { model: { type: "Unigram", vocab: [["a", "x"]] } }, /model.vocab\[0\] is a list of 2/],
    ["an unknown id beyond the vocabulary", { model: { type: "Unigram", vocab: [["a", 0]], unk_id: 5 } }, /model.unk_id is 5/],
    ["added tokens of the wrong form", bpe({}, { added_tokens: {} }), /added_tokens is an object/],
    ["an added token without an id", bpe({}, { added_tokens: [{ content: "x" }] }), /added_tokens\[0\]/],
    ["a step that is text", bpe({}, { normalizer: "NFC" }), /normalizer is "NFC", expected an object/],
    ["endless nesting", bpe({}, { normalizer: nested(40) }), /nested deeper than 16/],
    [
      "a pattern without end",
      bpe({}, { pre_tokenizer: { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated" } }),
      /Regex, "\(a\+\)\+\$", repeats a group that holds a repetition/,
    ],
  ])("%s", (_, json, message) => {
    const run = () => checkTokenizerJson(json as Record<string, unknown>, "t");
    expect(run).toThrow(message);
    try {
      run();
    } catch (error) {
      expect(error).toMatchObject({ exitClass: "data" });
      expect((error as Error).message.split("\n")).toHaveLength(1);
    }
  });

  it("whatever JSON it is", () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom("model", "added_tokens", "normalizer", "pre_tokenizer", "decoder"),
        (value, place) => {
          const json = { ...bpe(), [place]: value } as Record<string, unknown>;
          try {
            createTokenizer(json, { eos_token: "</s>", pad_token: "</s>" }, "t");
          } catch (error) {
            expect(error).toMatchObject({ exitClass: "data" });
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

function isValid(pattern: string): boolean {
  try {
    return new RegExp(pattern, "u") !== null;
  } catch {
    return false;
  }
}

describe("whyDangerous", () => {
  it("lets the patterns of tokenizers in use pass", () => {
    for (const pattern of [
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+", // GPT-2
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
      " {2,}",
      "[\\[\\]()]+",
      "(?:ab|cd)?x",
      "\\d{3}",
    ])
      expect(whyDangerous(pattern), pattern).toBeNull();
  });

  it.each([
    ["(a+)+$", /repetition/],
    ["(a*)*b", /repetition/],
    ["(?:a|aa)+$", /alternatives/],
    ["(?:(?:x{2,})y?)*", /repetition/],
    ["(a|a){1,500}b", /choices/],
    ["(a+){1,9}b", /repetitions in a row/],
    [`${"a?".repeat(30)}${"a".repeat(30)}`, /choices/],
    [".*.*.*.*x", /in a row/],
    ["a".repeat(3000), /3000 characters/],
    ["(a", /does not close/],
    ["a)", /does not open/],
  ])("refuses %s", (pattern, why) => {
    expect(whyDangerous(pattern)).toMatch(why);
  });

  it("what passes ends on the text that such patterns are made for within a second", () => {
    const atom = fc.constantFrom("a", "b", ".", "[ab]", "\\w", "(a)", "(?:ab)", "(a+)", "(a|b)", "(?=a)");
    const piece = fc.tuple(atom, fc.constantFrom("", "", "?", "+", "*", "{2,}", "{1,3}")).map(([a, q]) => a + q);
    const pattern = fc.array(
      fc.array(piece, { maxLength: 5 }).map((parts) => parts.join("")),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(pattern, (branches) => {
        const text = branches.join("|");
        fc.pre(whyDangerous(text) === null && isValid(text));
        const begin = performance.now();
        new RegExp(`(?:${text})$`, "u").test(`${"a".repeat(60)}!`);
        expect(performance.now() - begin).toBeLessThan(1000);
      }),
      { numRuns: 200 },
    );
  });
});
