import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { csvRows, goldenMetric, sharedText } from "../../testing/shared.js";
import { corpusRouge, ROUGE_TYPES, type RougeScores, type RougeType, rougeScorer, rougeTokens } from "./rouge.js";

/** As in the golden records: type -> [precision, recall, f], without and with the stemmer. */
type Triples = Record<RougeType, [number, number, number]>;
type Both = Record<"plain" | "stem", Triples>;

const scorers = { plain: rougeScorer(), stem: rougeScorer({ useStemmer: true }) };
const kinds = ["plain", "stem"] as const;
const stemmer = { plain: { useStemmer: false }, stem: { useStemmer: true } };

function triples(scores: RougeScores): Triples {
  const of = ({ precision, recall, fmeasure }: RougeScores[RougeType]) => [precision, recall, fmeasure];
  return Object.fromEntries(ROUGE_TYPES.map((type) => [type, of(scores[type])])) as Triples;
}

/** Both sides divide the same whole numbers, so 1e-9 leaves room for the order of the mean's sum only. */
function expectEqual(actual: Triples, expected: Triples, where: string): void {
  for (const type of ROUGE_TYPES) {
    for (const k of [0, 1, 2]) expect(Math.abs(actual[type][k]! - expected[type][k]!), `${where} ${type}`).toBeLessThan(1e-9);
  }
}

describe("rouge", () => {
  it("gives the values of rouge_score's rules, counted by hand", () => {
    const own = scorers.plain.score("the red bus left early", "the bus left at noon today");
    // Common words: the, bus, left; common pairs: "bus left"; longest subsequence: the bus left.
    expect(triples(own)).toEqual({
      rouge1: [3 / 6, 3 / 5, 6 / 11].map((x) => expect.closeTo(x, 12)),
      rouge2: [1 / 5, 1 / 4, 2 / 9].map((x) => expect.closeTo(x, 12)),
      rougeL: [3 / 6, 3 / 5, 6 / 11].map((x) => expect.closeTo(x, 12)),
      rougeLsum: [3 / 6, 3 / 5, 6 / 11].map((x) => expect.closeTo(x, 12)),
    });
  });

  it("counts a word at most as often as the other side has it", () => {
    expect(scorers.plain.score("no no", "no no no no").rouge1).toMatchObject({ precision: 0.5, recall: 1 });
    expect(scorers.plain.score("no no no no", "no no").rouge2).toMatchObject({ precision: 1, recall: 1 / 3 });
  });

  it("joins the subsequences with every line for rougeLsum", () => {
    // Line 1 finds a and c, line 2 finds b: the union has three of four words, of which the prediction has five.
    const { rougeL, rougeLsum } = scorers.plain.score("a b c d", "a c\nx b y");
    expect(rougeLsum).toMatchObject({ precision: 3 / 5, recall: 3 / 4 });
    expect(rougeL).toMatchObject({ precision: 2 / 5, recall: 2 / 4 });
    expect(scorers.plain.score("a a\na", "a\na").rougeLsum).toMatchObject({ precision: 1, recall: 2 / 3 });
  });

  it("splits words as rouge_score does", () => {
    expect(rougeTokens("Zoë's 3.5 km-RUNS, İx\u212a")).toEqual(["zo", "s", "3", "5", "km", "runs", "i", "xk"]);
    expect(rougeTokens("He was running flies", { useStemmer: true })).toEqual(["he", "was", "run", "fli"]);
  });

  it("is 0 where a side has no words", () => {
    for (const [reference, prediction] of [
      ["", ""],
      ["...", "\n"],
      ["word", ""],
      ["", "word"],
      ["é", "é"],
    ] as const) {
      const zero = { precision: 0, recall: 0, fmeasure: 0 };
      const zeros = { rouge1: zero, rouge2: zero, rougeL: zero, rougeLsum: zero };
      expect(scorers.stem.score(reference, prediction)).toEqual(zeros);
    }
  });

  it("takes for each type the reference with the best f", () => {
    const references = ["x a y b z c", "a b d d d d", "a b"];
    const best = scorers.plain.scoreMulti(references, "a b c");
    expect(best.rouge1.fmeasure).toBeCloseTo(4 / 5, 12); // "a b": p 2/3, r 1
    expect(best.rougeL.fmeasure).toBeCloseTo(4 / 5, 12);
    expect(best.rouge2.fmeasure).toBeCloseTo(2 / 3, 12);
    expect(scorers.plain.scoreMulti(["q"], "a")).toEqual(scorers.plain.score("q", "a"));
    expect(() => scorers.plain.scoreMulti([], "a")).toThrow(/at least one/);
  });

  it("says what it computed, and refuses rows that do not match", () => {
    expect(corpusRouge(["a"], ["a"], { useStemmer: true }).signature).toBe(
      "rouge|nrefs:1|stem:porter-nltk|words:a-z0-9|lsum:lines|mean:rows|rows:1|like:rouge_score-0.1.2",
    );
    expect(corpusRouge([["a", "b"], "c"], ["a", "c"]).signature).toMatch(/^rouge\|nrefs:1-2\|stem:no\|.*rows:2/);
    expect(() => corpusRouge(["a"], [])).toThrow("rouge: 1 references and 0 predictions; each prediction needs");
    expect(() => corpusRouge([], [])).toThrow("at least one row");
  });

  const text = fc.array(fc.constantFrom("a", "b", "c", "running", "runs", ".", "\n"), { maxLength: 14 }).map((w) => w.join(" "));

  it("swaps precision and recall when the sides swap, stays in 0..1, and is 1 for equal words", () => {
    fc.assert(
      fc.property(text, text, fc.constantFrom(...kinds), (one, other, kind) => {
        const scores = scorers[kind].score(one, other);
        const swapped = scorers[kind].score(other, one);
        for (const type of ["rouge1", "rouge2", "rougeL"] as const) {
          expect(scores[type].precision).toBe(swapped[type].recall);
          expect(scores[type].fmeasure).toBeCloseTo(swapped[type].fmeasure, 12);
        }
        for (const value of Object.values(triples(scores)).flat()) expect(value >= 0 && value <= 1).toBe(true);
        expect(scores.rougeL.fmeasure).toBeLessThanOrEqual(scores.rouge1.fmeasure);
        expect(scorers[kind].score(one, one).rouge1.fmeasure).toBe(rougeTokens(one).length > 0 ? 1 : 0);
      }),
    );
  });

  it("finds the longest subsequence that the plainest recursion finds", () => {
    const longest = (a: string[], b: string[]): number => {
      if (a.length === 0 || b.length === 0) return 0;
      if (a[0] === b[0]) return 1 + longest(a.slice(1), b.slice(1));
      return Math.max(longest(a.slice(1), b), longest(a, b.slice(1)));
    };
    const words = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(words, words, (a, b) => {
        const { rougeL, rougeLsum } = scorers.plain.score(a.join(" "), b.join(" "));
        expect(rougeL.recall).toBe(longest(a, b) / a.length);
        expect(rougeLsum).toEqual(rougeL);
      }),
    );
  });

  it("scores a corpus as its rows one by one", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 5 }), (pairs) => {
        const corpus = corpusRouge(
          pairs.map(([reference]) => reference),
          pairs.map(([, prediction]) => prediction),
        );
        const alone = pairs.map(([reference, prediction]) => rougeScorer().score(reference, prediction));
        for (const type of ROUGE_TYPES) {
          expect([...corpus.rows[type].fmeasure]).toEqual(alone.map((scores) => scores[type].fmeasure));
          const sum = alone.reduce((total, scores) => total + scores[type].recall, 0);
          expect(corpus.mean[type].recall).toBeCloseTo(sum / pairs.length, 12);
        }
      }),
    );
  });
});

describe("rouge against rouge_score 0.1.2", () => {
  it("equals it on 200 summaries, with and without sentences on lines", (context) => {
    const golden = goldenMetric<{ rows: { reference: string; prediction: string; scores: Both }[]; mean: Both }>(
      context,
      "rouge_dialogsum.json",
    );
    for (const kind of kinds) {
      golden.rows.forEach((row, i) => {
        expectEqual(triples(scorers[kind].score(row.reference, row.prediction)), row.scores[kind], `row ${i} ${kind}`);
      });
      const corpus = corpusRouge(
        golden.rows.map((row) => row.reference),
        golden.rows.map((row) => row.prediction),
        stemmer[kind],
      );
      expectEqual(triples(corpus.mean), golden.mean[kind], `mean ${kind}`);
    }
  });

  it("equals it on 60 edge cases, with their words", (context) => {
    const { cases } = goldenMetric<{
      cases: { reference: string; prediction: string; tokens_of_reference: Record<string, string[]>; scores: Both }[];
    }>(context, "rouge_edge.json");
    for (const one of cases) {
      for (const kind of kinds) {
        expect(rougeTokens(one.reference, stemmer[kind])).toEqual(one.tokens_of_reference[kind]);
        expectEqual(triples(scorers[kind].score(one.reference, one.prediction)), one.scores[kind], JSON.stringify(one.reference));
      }
    }
  });

  it("equals it against three references", (context) => {
    const { cases } = goldenMetric<{ cases: { references: string[]; prediction: string; scores: Both }[] }>(
      context,
      "rouge_multi.json",
    );
    for (const [i, one] of cases.entries()) {
      for (const kind of kinds) {
        expectEqual(triples(scorers[kind].scoreMulti(one.references, one.prediction)), one.scores[kind], `case ${i} ${kind}`);
      }
    }
  });

  it("equals it on all 1,500 rows of three models, well under a second each", (context) => {
    const golden = goldenMetric<{ columns: Record<string, { mean: Both }> }>(context, "rouge_dialogsum_corpus.json");
    const table = csvRows(sharedText(context, "data/gold/flan-t5-base_dialogsum_test_outputs.csv"));
    expect(table).toHaveLength(1500);
    const references = table.map((row) => row.human_baseline_summaries!);
    for (const [column, { mean }] of Object.entries(golden.columns)) {
      const predictions = table.map((row) => row[`${column}_model_summaries`]!);
      for (const kind of kinds) {
        const start = performance.now();
        const corpus = corpusRouge(references, predictions, stemmer[kind]);
        const seconds = (performance.now() - start) / 1000;
        console.log(`${column} ${kind}: 1500 rows in ${(1000 * seconds).toFixed(0)} ms, ${(1500 / seconds).toFixed(0)} rows/s`);
        expectEqual(triples(corpus.mean), mean[kind], `${column} ${kind}`);
        expect(seconds).toBeLessThan(1);
      }
    }
  });
});
