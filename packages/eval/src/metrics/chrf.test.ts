import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chrfOptions, type GoldenBleu, rowsOf } from "../../testing/bleu.js";
import { goldenMetric } from "../../testing/shared.js";
import { corpusChrf, sentenceChrf } from "./chrf.js";

const predictions = ["Well, the boat left at 9:30.", "She paid $4.50 for it!"];
const references = [
  ["The boat left at 9:30 today.", "A boat sailed at half past nine."],
  ["She paid 4.50 dollars for it.", "It was $4.50."],
];

describe("chrf", () => {
  it("gives sacreBLEU's values and signatures", () => {
    // Values of sacrebleu 2.6.0 for these sentences of ours.
    expect(corpusChrf(references, predictions)).toEqual({
      score: expect.closeTo(54.07990974897785, 9),
      signature: "nrefs:2|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0",
    });
    expect(corpusChrf(references, predictions, { wordOrder: 2 })).toEqual({
      score: expect.closeTo(54.565234317646805, 9),
      signature: "nrefs:2|case:mixed|eff:yes|nc:6|nw:2|space:no|version:2.6.0",
    });
    expect(corpusChrf(references, predictions, { epsSmoothing: true, whitespace: true })).toEqual({
      score: expect.closeTo(61.53808702905803, 9),
      signature: "nrefs:2|case:mixed|eff:no|nc:6|nw:0|space:yes|version:2.6.0",
    });
  });

  it("is 100 for equal texts, 0 for nothing in common, and in between otherwise", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", " ", ".", "\u{1f600}"), minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(text, text, fc.constantFrom(0, 2), (one, other, wordOrder) => {
        const { score } = sentenceChrf(one, other, { wordOrder });
        expect(score >= 0 && score <= 100 + 1e-9).toBe(true);
        if (one.trim() !== "") expect(sentenceChrf(one, one, { wordOrder }).score).toBeCloseTo(100, 9);
        expect(sentenceChrf([one, other], one, { wordOrder }).score).toBe(sentenceChrf(one, one, { wordOrder }).score);
      }),
    );
    expect(sentenceChrf("abc", "xyz").score).toBe(0);
  });

  it("equals sacreBLEU on 28 sets with 6 options", (context) => {
    const golden = goldenMetric<GoldenBleu>(context, "bleu.json");
    for (const [set, { hypotheses, reference_streams, ...expected }] of Object.entries(golden.sets)) {
      const rows = rowsOf(reference_streams);
      for (const [name, options] of Object.entries(golden.chrf_options)) {
        const { score, signature } = expected.chrf_corpus[name]!;
        const found = corpusChrf(rows, hypotheses, chrfOptions(options));
        expect({ set, name, ...found }).toEqual({ set, name, score: expect.closeTo(score, 9), signature });
      }
      hypotheses.forEach((text, row) => {
        expect(sentenceChrf(rows[row]!, text).score, `${set} ${row}`).toBeCloseTo(expected.chrf_sentence[row]!, 9);
      });
    }
  });
});
