import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bleuOptions, type GoldenBleu, rowsOf } from "../../testing/bleu.js";
import { goldenMetric } from "../../testing/shared.js";
import { type BleuOptions, bleuTokens, corpusBleu, sentenceBleu } from "./bleu.js";

const predictions = ["Well, the boat left at 9:30.", "She paid $4.50 for it!"];
const references = [
  ["The boat left at 9:30 today.", "A boat sailed at half past nine."],
  ["She paid 4.50 dollars for it.", "It was $4.50."],
];

describe("bleu", () => {
  it("gives sacreBLEU's values and signatures", () => {
    // Values of sacrebleu 2.6.0 for these sentences of ours.
    const cases: [BleuOptions, number, number[], string][] = [
      [{}, 43.01150032551201, [13, 8, 4, 3], "nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0"],
      [
        { lowercase: true, smoothing: "floor" },
        51.27209706095907,
        [14, 9, 5, 4],
        "nrefs:2|case:lc|eff:no|tok:13a|smooth:floor[0.10]|version:2.6.0",
      ],
      [
        { tokenizer: "intl", smoothing: "add-k" },
        26.584835766658767,
        [9, 5, 2, 1],
        "nrefs:2|case:mixed|eff:no|tok:intl|smooth:add-k[1.00]|version:2.6.0",
      ],
      [{ tokenizer: "char" }, 62.49005640150236, [36, 30, 25, 21], "nrefs:2|case:mixed|eff:no|tok:char|smooth:exp|version:2.6.0"],
    ];
    for (const [options, score, counts, signature] of cases) {
      const result = corpusBleu(references, predictions, options);
      expect(result).toMatchObject({ score: expect.closeTo(score, 9), counts, signature });
    }
    expect(sentenceBleu("Two cats slept", "Two cats").score).toBeCloseTo(60.653065971263366, 9);
    expect(corpusBleu([["a", "b"], "c"], ["a", "c"]).signature).toMatch(/^nrefs:var\|/);
  });

  it("splits words as mteval-v13a does", () => {
    expect(bleuTokens("Up 3.5%, (1,200) well-known 10-12: &quot;it's&quot; a.b <skipped>cut-\noff  ").join(" ")).toBe(
      `Up 3.5 % , ( 1,200 ) well-known 10 - 12 : " it's " a . b cutoff`,
    );
    expect(bleuTokens("1.5€ ja, „so“", "intl")).toEqual(["1.5", "€", "ja", ",", "„", "so", "“"]);
    expect(bleuTokens("a \u{1f600}b", "char")).toEqual(["a", "\u{1f600}", "b"]);
    expect(bleuTokens("a,\x1cb\ufeff c", "none")).toEqual(["a,", "b\ufeff", "c"]);
  });

  it("lies in 0..100, is 100 for the reference itself, and counts no more than there is", () => {
    const text = fc.array(fc.constantFrom("a", "b", "c", "d,", "e."), { minLength: 4, maxLength: 12 }).map((w) => w.join(" "));
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text, text), { minLength: 1, maxLength: 3 }), (rows) => {
        const [own, first, second] = [0, 1, 2].map((k) => rows.map((row) => row[k]!));
        const both = corpusBleu(rowsOf([first!, second!]), own!);
        const one = corpusBleu(first!, own!);
        expect(both.score >= 0 && both.score <= 100 + 1e-9).toBe(true);
        both.counts.forEach((count, n) => {
          expect(count).toBeGreaterThanOrEqual(one.counts[n]!);
          expect(count).toBeLessThanOrEqual(both.totals[n]!);
        });
        expect(corpusBleu(own!, own!).score).toBeCloseTo(100, 9);
      }),
    );
  });

  it("refuses rows that do not match", () => {
    expect(() => corpusBleu(["a"], [])).toThrow("bleu: 1 references and 0 predictions");
    expect(() => corpusBleu([[]], ["a"])).toThrow("a prediction has no reference");
  });

  it("equals sacreBLEU on 28 sets with 11 options, and its words", (context) => {
    const golden = goldenMetric<GoldenBleu>(context, "bleu.json");
    const near = (values: number[]) => values.map((value) => expect.closeTo(value, 9));
    for (const [set, { hypotheses, reference_streams, ...expected }] of Object.entries(golden.sets)) {
      const rows = rowsOf(reference_streams);
      for (const [name, options] of Object.entries(golden.options)) {
        const value = expected.corpus[name]!;
        expect({ set, name, ...corpusBleu(rows, hypotheses, bleuOptions(options)) }).toEqual({
          set,
          name,
          score: expect.closeTo(value.score, 9),
          counts: value.counts,
          totals: value.totals,
          precisions: near(value.precisions),
          brevityPenalty: expect.closeTo(value.bp, 9),
          predictionLength: value.sys_len,
          referenceLength: value.ref_len,
          signature: value.signature,
        });
      }
      hypotheses.forEach((text, row) => {
        const { score, counts, totals, bp } = expected.sentence[row]!;
        expect({ set, ...sentenceBleu(rows[row]!, text) }).toMatchObject({
          set,
          score: expect.closeTo(score, 9),
          counts,
          totals,
          brevityPenalty: expect.closeTo(bp, 9),
        });
        expect(bleuTokens(text).join(" ")).toBe(expected.tokens_13a[row]);
      });
    }
  });
});
