import { describe, expect, it } from "vitest";
import { bleuOptions, type GoldenBleu, rowsOf } from "../../testing/bleu.js";
import { goldenMetric } from "../../testing/shared.js";
import { nmtBleu } from "./nmtBleu.js";

const predictions = ["Well, the boat left at 9:30.", "She paid $4.50 for it!"];
const references = [
  ["The boat left at 9:30 today.", "A boat sailed at half past nine."],
  ["She paid 4.50 dollars for it.", "It was $4.50."],
];

describe("nmtBleu", () => {
  it("gives compute_bleu's values", () => {
    // From a transcription of its rules to Python, over sacrebleu 2.6.0's 13a words.
    expect(nmtBleu(references, predictions)).toEqual({
      bleu: expect.closeTo(0.43011500325512025, 12),
      precisions: [0.7647058823529411, 0.5333333333333333, 0.3076923076923077, 0.2727272727272727].map((x) =>
        expect.closeTo(x, 12),
      ),
      brevityPenalty: 1,
      lengthRatio: expect.closeTo(17 / 13, 12),
      translationLength: 17,
      referenceLength: 13,
      signature: "bleu|nrefs:2|case:mixed|tok:13a|order:4|smooth:no|ref-length:shortest|scale:1|like:evaluate-bleu",
    });
    expect(nmtBleu(references, predictions, { maxOrder: 2 }).bleu).toBeCloseTo(0.6386259760257971, 12);
    expect(nmtBleu(references, predictions, { smooth: true }).bleu).toBeCloseTo(0.47772139610218345, 12);
  });

  it("is 0 where an order has no match, and where a side has no words", () => {
    expect(nmtBleu(["a b c d"], ["a b x d"]).bleu).toBe(0);
    expect(nmtBleu(["a"], [""])).toMatchObject({ bleu: 0, brevityPenalty: 0, lengthRatio: 0 });
    expect(nmtBleu([""], ["a"])).toMatchObject({ bleu: 0, brevityPenalty: 1, lengthRatio: Number.POSITIVE_INFINITY });
    expect(nmtBleu([""], [""])).toMatchObject({ bleu: 0, lengthRatio: Number.NaN });
  });

  it("is sacreBLEU's without smoothing wherever rows have one reference", (context) => {
    const golden = goldenMetric<GoldenBleu>(context, "bleu.json");
    let compared = 0;
    for (const [set, { hypotheses, reference_streams, corpus }] of Object.entries(golden.sets)) {
      const { score, sys_len, ref_len, bp, precisions } = corpus["no-smoothing"]!;
      expect(bleuOptions(golden.options["no-smoothing"]!).smoothing).toBe("none");
      if (reference_streams.length > 1 || sys_len === 0 || ref_len === 0) continue;
      const found = nmtBleu(rowsOf(reference_streams), hypotheses);
      expect({ set, ...found }).toMatchObject({
        bleu: expect.closeTo(score / 100, 9),
        brevityPenalty: expect.closeTo(bp, 9),
        translationLength: sys_len,
        referenceLength: ref_len,
      });
      // sacreBLEU stops at the first order that has no runs, where ours are 0 too
      if (score > 0) expect(found.precisions).toEqual(precisions.map((x) => expect.closeTo(x / 100, 9)));
      compared++;
    }
    expect(compared).toBeGreaterThan(10);
  });
});
