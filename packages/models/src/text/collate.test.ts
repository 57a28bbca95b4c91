import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import { causalExample, collateCausal, cutStream, promptCompletion } from "./causalLm.js";
import { bucketLength, collate, lengthLadder } from "./collate.js";
import { type TokenizedExample, tokenizeExample } from "./example.js";

const example = (source: number, target: number, id = "x"): TokenizedExample => ({
  id,
  inputIds: Array.from({ length: source }, (_, i) => i + 2),
  labels: Array.from({ length: target }, (_, i) => i + 50),
  isSourceCut: false,
  isTargetCut: false,
});

describe("lengthLadder", () => {
  it("grows by at most a quarter, in multiples of 8", () => {
    expect(lengthLadder(128)).toEqual([8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 120, 128]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4096 }), (max) => {
        const ladder = lengthLadder(max);
        expect(ladder.at(-1)).toBe(Math.ceil(max / 8) * 8);
        for (const [i, length] of ladder.entries()) {
          expect(length % 8).toBe(0);
          if (i > 0) expect(length).toBeLessThanOrEqual(Math.max(ladder[i - 1]! + 8, ladder[i - 1]! * 1.25));
          if (i > 0) expect(length).toBeGreaterThan(ladder[i - 1]!);
        }
      }),
    );
  });

  it("gives each length its first rung", () => {
    expect([1, 8, 9, 65, 128].map((n) => bucketLength(n, lengthLadder(128)))).toEqual([8, 8, 16, 80, 128]);
    expect(() => bucketLength(129, lengthLadder(128))).toThrow(RangeError);
  });
});

describe("collate", () => {
  it("pads rows, and rows that are missing weigh nothing but see one token", () => {
    const batch = collate([example(2, 3)], { rows: 2, source: 4, target: 4 }, 0);
    expect([...batch.inputIds]).toEqual([2, 3, 0, 0, 0, 0, 0, 0]);
    expect([...batch.attentionMask]).toEqual([1, 1, 0, 0, 1, 0, 0, 0]);
    expect([...batch.labels]).toEqual([50, 51, 52, -100, -100, -100, -100, -100]);
    expect(batch).toMatchObject({ rows: 2, source: 4, target: 4, targetTokens: 3, realRows: 1 });
  });

  it("never loses a token, whatever the shapes", () => {
    const lengths = fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 9 })), {
      minLength: 1,
      maxLength: 5,
    });
    fc.assert(
      fc.property(lengths, fc.nat(3), (list, spare) => {
        const batch = collate(
          list.map(([s, t]) => example(s, t)),
          { rows: list.length + spare, source: 24, target: 16 },
          1,
        );
        const sum = (array: Int32Array) => array.reduce((a, b) => a + b, 0);
        expect(sum(batch.attentionMask)).toBe(list.reduce((a, [s]) => a + s, 0) + spare);
        expect(batch.labels.filter((label) => label !== -100).length).toBe(batch.targetTokens);
        expect(batch.targetTokens).toBe(list.reduce((a, [, t]) => a + t, 0));
      }),
    );
  });

  it("refuses what does not fit", () => {
    expect(() => collate([example(5, 1, "row 9")], { rows: 1, source: 4, target: 4 }, 0)).toThrow(
      /row 9 of lengths \[5, 1\] does not fit/,
    );
    expect(() => collate([example(1, 1), example(1, 1)], { rows: 1, source: 4, target: 4 }, 0)).toThrow(/2 examples/);
  });
});

describe("tokenizeExample", () => {
  it("cuts what is too long, counting it, and keeps the end token", () => {
    const cuts: string[] = [];
    const tokenizer = {
      truncationSide: "right",
      encode: (text: string, { maxLength = Infinity, truncation = "" } = {}) => {
        if (truncation !== "") cuts.push(truncation);
        const ids = [...text].map((c) => c.charCodeAt(0));
        return [...(truncation === "left" ? ids.slice(-(maxLength - 1)) : ids.slice(0, maxLength - 1)), 1];
      },
    } as unknown as Tokenizer;
    const made = tokenizeExample(
      tokenizer,
      { id: "a", prompt: "abcd", completion: "xy", fields: {} },
      { maxSource: 3, maxTarget: 3 },
    );
    expect(cuts).toEqual(["right"]);
    const limits = { maxSource: 3, maxTarget: 2, truncation: "left" as const };
    expect(tokenizeExample(tokenizer, { id: "a", prompt: "abcd", completion: "xy", fields: {} }, limits)).toMatchObject({
      inputIds: [99, 100, 1],
      labels: [120, 1], // an answer goes on from its beginning, whichever side of a prompt is cut
    });
    expect(made).toEqual({ id: "a", inputIds: [97, 98, 1], labels: [120, 121, 1], isSourceCut: true, isTargetCut: false });
  });
});

describe("decoder-only examples", () => {
  it("learn the completion and its end only", () => {
    expect(promptCompletion("a", [2, 10, 11], [20, 21], 3, 8)).toEqual({
      id: "a",
      inputIds: [2, 10, 11, 20, 21, 3],
      labels: [-100, -100, -100, 20, 21, 3],
      isSourceCut: false,
      isTargetCut: false,
    });
  });

  it("42: cut the prompt where they are told to; an answer that breaks off has no end to learn", () => {
    expect(promptCompletion("a", [2, 10, 11, 12], [20, 21], 3, 5).inputIds).toEqual([2, 12, 20, 21, 3]);
    expect(promptCompletion("a", [2, 10], [20, 21, 22], 3, 3)).toMatchObject({
      inputIds: [2, 20, 21],
      labels: [-100, 20, 21],
      isSourceCut: true,
      isTargetCut: true,
    });
    expect(promptCompletion("a", [2, 10, 11, 12], [20, 21], 3, 5, { truncation: "right" }).inputIds).toEqual([2, 10, 20, 21, 3]);
    expect(promptCompletion("a", [2, 10], [20, 21, 22], 3, 9, { maxTarget: 3 })).toMatchObject({
      labels: [-100, -100, 20, 21, 22],
      isSourceCut: false,
      isTargetCut: true,
    });
    expect(promptCompletion("a", [2, 10], [20, 21, 22], 3, 9, { maxTarget: 4 })).toMatchObject({
      labels: [-100, -100, 20, 21, 22, 3],
      isTargetCut: false,
    });
    const ids = fc.array(fc.integer({ min: 5, max: 90 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(ids, fc.array(fc.nat(90), { maxLength: 12 }), fc.integer({ min: 2, max: 30 }), (prompt, completion, max) => {
        const { inputIds, labels, isSourceCut, isTargetCut } = promptCompletion("a", prompt, completion, 3, max);
        expect(inputIds.length).toBeLessThanOrEqual(max);
        expect(labels.length).toBe(inputIds.length);
        expect(isTargetCut).toBe(completion.length + 2 > max);
        if (!isTargetCut) expect(labels.at(-1)).toBe(3);
        if (!isSourceCut && !isTargetCut) expect(inputIds).toEqual([...prompt, ...completion, 3]);
        expect(inputIds[0]).toBe(prompt[0]);
      }),
    );
  });

  it("count a label only where a position before it can predict it", () => {
    const batch = collateCausal([causalExample("a", [2, 5, 6])], { rows: 2, length: 4 }, 1);
    expect([...batch.inputIds]).toEqual([2, 5, 6, 1, 1, 1, 1, 1]);
    expect([...batch.attentionMask]).toEqual([1, 1, 1, 0, 1, 0, 0, 0]);
    expect([...batch.labels]).toEqual([2, 5, 6, -100, -100, -100, -100, -100]);
    expect(batch.targetTokens).toBe(2);
  });

  it("cut a stream of documents into pieces", () => {
    expect([...cutStream([[1, 2, 3], [4], [5, 6, 7]], 3)]).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect([...cutStream([[1, 2, 3, 4, 5]], 3)]).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });
});
