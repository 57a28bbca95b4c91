import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { csvRows, goldenMetric, sharedText } from "../../testing/shared.js";
import { bootstrapMean, bootstrapSignature, type Interval, rougeIntervals } from "./bootstrap.js";
import { numpyDraws } from "./random.js";
import { corpusRouge, ROUGE_TYPES, type RougeType } from "./rouge.js";

const times = (count: number, draw: () => number) => Array.from({ length: count }, draw);

describe("numpyDraws", () => {
  it("draws what np.random.choice draws", () => {
    // Values of numpy 2.4 after np.random.seed(seed).
    const last = numpyDraws(2 ** 32 - 1);
    expect(times(12, () => last.below(1000))).toEqual([419, 290, 12, 71, 948, 576, 214, 506, 473, 800, 639, 635]);
    const zero = numpyDraws(0);
    expect(times(12, () => zero.below(7))).toEqual([4, 5, 0, 3, 3, 3, 1, 3, 5, 2, 4, 6]);
    expect(times(2, () => zero.below(1))).toEqual([0, 0]);
    expect(times(4, () => zero.below(65536))).toEqual([48600, 39512, 52620, 14650]);
    for (const seed of [-1, 0.5, 2 ** 32]) expect(() => numpyDraws(seed)).toThrow("whole number from 0 to 2^32 - 1");
  });
});

describe("bootstrapMean", () => {
  const close = ([low, mid, high]: number[]) => ({
    low: expect.closeTo(low!, 12),
    mid: expect.closeTo(mid!, 12),
    high: expect.closeTo(high!, 12),
  });

  it("equals numpy's mean and percentile of the same draws", () => {
    expect(bootstrapMean([0.1, 0.5, 0.9, 0.3], { seed: 42 })).toEqual(close([0.15, 0.45, 0.75]));
    const values = Array.from({ length: 10 }, (_, i) => i ** 1.5);
    const interval = bootstrapMean(values, { samples: 200, confidence: 0.9, seed: 17 });
    expect(interval).toEqual(close([6.639870955795693, 11.083462093629219, 15.312260852514111]));
  });

  it("lies within the values, in order, the same every time", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 20 }),
        fc.nat(),
        (values, seed) => {
          const interval = bootstrapMean(values, { samples: 50, seed });
          const rounding = 1e-12; // of a sum of 20 values
          expect(interval.low).toBeGreaterThanOrEqual(Math.min(...values) - rounding);
          expect(interval.mid).toBeGreaterThanOrEqual(interval.low);
          expect(interval.high).toBeGreaterThanOrEqual(interval.mid);
          expect(interval.high).toBeLessThanOrEqual(Math.max(...values) + rounding);
          expect(bootstrapMean(values, { samples: 50, seed })).toEqual(interval);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("is NaN without rows or with a NaN, and refuses settings that mean nothing", () => {
    const none = { low: Number.NaN, mid: Number.NaN, high: Number.NaN };
    expect(bootstrapMean([])).toEqual(none);
    expect(bootstrapMean([1, Number.NaN], { samples: 100 })).toEqual(none);
    expect(() => bootstrapMean([1], { samples: 0 })).toThrow("samples must be 1 or more");
    expect(() => bootstrapMean([1], { confidence: 95 })).toThrow("confidence must lie between 0 and 1");
    expect(bootstrapSignature()).toBe("bootstrap|percentile|conf:0.95|samples:1000|rng:numpy-legacy|seed:17");
  });
});

describe("rougeIntervals against rouge_score's BootstrapAggregator", () => {
  type Record3 = { [type in RougeType]: { [bound in keyof Interval]: [number, number, number] } };
  type Bootstrap = { numpy_legacy_seed: number; plain: Record3; stem: Record3 };

  function expectIntervals(references: string[], predictions: string[], golden: Bootstrap, where: string): void {
    for (const kind of ["plain", "stem"] as const) {
      const corpus = corpusRouge(references, predictions, { useStemmer: kind === "stem" });
      const intervals = rougeIntervals(corpus, { seed: golden.numpy_legacy_seed });
      for (const type of ROUGE_TYPES) {
        for (const bound of ["low", "mid", "high"] as const) {
          const { precision, recall, fmeasure } = intervals[type];
          const actual = [precision[bound], recall[bound], fmeasure[bound]];
          const expected = golden[kind][type][bound];
          actual.forEach((value, k) => {
            expect(Math.abs(value - expected[k]!), `${where} ${kind} ${type} ${bound}`).toBeLessThan(1e-9);
          });
        }
      }
    }
  }

  /** column -> type -> f, from two publications of the same outputs. */
  function publishedRouge(text: string): Record<"stem" | "plain", Record<string, Record<RougeType, number>>> {
    const [flan] = Object.values(JSON.parse(text) as Record<string, Record<string, never>>);
    const of = (start: string) => flan![Object.keys(flan!).find((name) => name.startsWith(start))!]!;
    return { stem: of("rouge with Porter stemmer"), plain: of("rouge without stemmer") };
  }

  it("equals it on 200 summaries", (context) => {
    const golden = goldenMetric<{ rows: { reference: string; prediction: string }[]; bootstrap: Bootstrap }>(
      context,
      "rouge_dialogsum.json",
    );
    const references = golden.rows.map((row) => row.reference);
    const predictions = golden.rows.map((row) => row.prediction);
    expectIntervals(references, predictions, golden.bootstrap, "200 rows");
  });

  it("equals it on 1,500 rows of three models", (context) => {
    const golden = goldenMetric<{ columns: Record<string, { bootstrap: Bootstrap }> }>(context, "rouge_dialogsum_corpus.json");
    const table = csvRows(sharedText(context, "data/gold/flan-t5-base_dialogsum_test_outputs.csv"));
    const references = table.map((row) => row.human_baseline_summaries!);
    const { stem, plain } = publishedRouge(sharedText(context, "data/gold/published_scores.json"));
    for (const [column, { bootstrap }] of Object.entries(golden.columns)) {
      const predictions = table.map((row) => row[`${column}_model_summaries`]!);
      expectIntervals(references, predictions, bootstrap, column);
      // what the authors printed: medians of an unseeded bootstrap, so a tenth of a point is what can be asked
      for (const [useStemmer, published] of [
        [true, stem],
        [false, plain],
      ] as const) {
        const mids = rougeIntervals(corpusRouge(references, predictions, { useStemmer }));
        for (const type of ROUGE_TYPES) {
          const points = 100 * (mids[type].fmeasure.mid - published[column]![type]);
          expect(Math.abs(points), `${column} ${type} as published`).toBeLessThan(0.1);
        }
      }
    }
  });
});
