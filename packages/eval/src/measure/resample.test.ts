import { describe, expect, it } from "vitest";
import { rougeIntervals } from "../metrics/bootstrap.js";
import { numpyGenerator } from "../metrics/pcg64.js";
import { corpusRouge } from "../metrics/rouge.js";
import { type Measure, type RowStatistics, Tally } from "./measure.js";
import { intervals, pairedBootstrap, randomization } from "./resample.js";
import { MEASURES } from "./table.js";

const WORDS = "the red bus left early today and came back late with rain over old town bridge".split(" ");

/** Sixty sentences of ours; a larger noise changes fewer words. */
function sentences(k: number, noise: number): string[] {
  return Array.from({ length: 60 }, (_, i) =>
    Array.from({ length: 4 + ((i * 5) % 7) }, (_, j) => {
      const h = i * 31 + j * 17 + ((i * j) % 11);
      const isChanged = noise > 0 && (h * 7 + k * 13) % noise === 0;
      return WORDS[(isChanged ? h + k + 1 : h) % WORDS.length]!;
    }).join(" "),
  );
}
const references = sentences(0, 0);
const [worse, better] = [sentences(1, 3), sentences(2, 4)];

function rowsOf(measure: Measure, predictions: readonly string[]): RowStatistics[] {
  const tally = new Tally(measure, true);
  predictions.forEach((text, i) => void tally.add([references[i]!], text));
  return tally.kept;
}

const times = <T>(count: number, draw: () => T) => Array.from({ length: count }, draw);

describe("numpyGenerator", () => {
  it("draws what numpy.random.default_rng draws", () => {
    // Values of numpy 2.4.
    const one = numpyGenerator(12345);
    expect(times(12, () => one.below(7))).toEqual([4, 1, 5, 2, 1, 5, 4, 4, 6, 2, 5, 2]);
    expect(times(6, () => one.below(1500))).toEqual([851, 897, 319, 280, 343, 1009]);
    expect(times(9, () => one.below(2))).toEqual([1, 1, 1, 0, 1, 1, 1, 1, 0]);
    const three = numpyGenerator(3);
    expect(times(2, () => three.below(1))).toEqual([0, 0]);
    expect(times(4, () => three.below(3_000_000_000))).toEqual([2434513622, 256947500, 538322202, 710431519]);
    const coins = numpyGenerator(12345);
    expect(times(40, () => (coins.coin() ? 1 : 0)).join("")).toBe("1011100110000011111111110100110110110001");
    for (const seed of [-1, 0.5, 2 ** 32]) expect(() => numpyGenerator(seed)).toThrow("whole number from 0 to 2^32 - 1");
  });
});

describe("paired tests", () => {
  // Values of sacrebleu 2.6.0's PairedTest on these sentences, seed 12345.
  it.each([
    ["sacrebleu", "bleu", 47.17801603773386 - 38.272325083455634, 0.07092907092907093, 0.17491254372813594],
    ["chrf", "chrf", 67.36238346675692 - 60.58832896965312, 0.024975024975024976, 0.07196401799100449],
  ])("give sacreBLEU's p-values of %s", (name, value, difference, bootstrapped, randomized) => {
    const measure = MEASURES[name]!.make({});
    const [baseline, system] = [rowsOf(measure, worse), rowsOf(measure, better)];
    const drawn = pairedBootstrap(measure, baseline, system);
    expect(drawn.differences[value]!.difference).toBeCloseTo(difference, 9);
    expect(drawn.differences[value]!.pValue).toBeCloseTo(bootstrapped, 12);
    expect(drawn.signature).toBe(
      "paired-bootstrap|two-sided|conf:0.95|samples:1000|rng:numpy-pcg64|seed:12345|like:sacrebleu-bs",
    );
    const shuffled = randomization(measure, baseline, system, { samples: 2000 });
    expect(shuffled.differences[value]!.pValue).toBeCloseTo(randomized, 12);
    expect(shuffled.signature).toContain("approximate-randomization|two-sided|samples:2000");
  });

  it.each(Object.keys(MEASURES))(
    "find no difference between a system and itself, and a sure one to the references: %s",
    (name) => {
      const measure = MEASURES[name]!.make({});
      const [self, right] = [rowsOf(measure, worse), rowsOf(measure, references)];
      const { headline } = measure;
      const options = { samples: 200 };
      const same = pairedBootstrap(measure, self, self, options).differences[headline]!;
      expect(same).toMatchObject({ difference: 0, low: 0, high: 0, wins: 0 });
      expect(same.pValue).toBeLessThan(0.01); // its own rule: no sample is larger than none
      const sure = pairedBootstrap(measure, self, right, options).differences[headline]!;
      const isBlind = name === "gsm8k" || name === "stated_answer"; // these sentences have no numbers and state no answers
      if (isBlind) expect(sure.difference).toBe(0);
      else expect(sure.low).toBeGreaterThan(0);
      const chance = randomization(measure, self, right, options).differences[headline]!;
      if (!isBlind) expect(chance.pValue).toBeCloseTo(1 / 201, 12);
    },
  );

  it("are NaN where a value is, and refuse other rows", () => {
    const nan: Measure = {
      ...MEASURES.exact_match!.make({}),
      values: () => ({ exact_match: Number.NaN }),
    };
    const rows = rowsOf(nan, worse);
    expect(pairedBootstrap(nan, rows, rows, { samples: 10 }).differences.exact_match!.pValue).toBeNaN();
    expect(randomization(nan, rows, rows, { samples: 10 }).differences.exact_match!.pValue).toBeNaN();
    expect(() => pairedBootstrap(nan, rows, rows.slice(1))).toThrow("the same rows of both systems, found 60 and 59");
    expect(() => randomization(nan, rows, rows, { samples: 0 })).toThrow("samples must be 1 or more");
  });
});

describe("intervals", () => {
  it("hold the value, and sacreBLEU's mean of the same draws lies in them", () => {
    const measure = MEASURES.sacrebleu!.make({});
    const { intervals: found, signature } = intervals(measure, rowsOf(measure, worse));
    const { low, mid, high } = found.bleu!;
    // sacrebleu: mean 38.35331463588391, half width 8.438269502178295, from places 25 and 974 of the sorted values
    expect(mid).toBeCloseTo(38.353, 0);
    expect((high - low) / 2).toBeCloseTo(8.438, 1);
    expect(low < 38.272 && 38.272 < high).toBe(true);
    expect(signature).toBe("bootstrap|percentile|conf:0.95|samples:1000|rng:numpy-pcg64|seed:12345");
  });

  it("of ROUGE are rouge_score's own", () => {
    const measure = MEASURES.rouge!.make({ stemmer: true });
    const corpus = corpusRouge(references, worse, { useStemmer: true });
    const { intervals: found, signature } = intervals(measure, rowsOf(measure, worse), { seed: 17, samples: 100 });
    expect(found.rouge2).toEqual(rougeIntervals(corpus, { seed: 17, samples: 100 }).rouge2.fmeasure);
    expect(signature).toContain("rng:numpy-legacy|seed:17");
  });

  it("of a class that a sample lacks average over the classes that it has", () => {
    const measure = MEASURES.classification!.make({});
    const tally = new Tally(measure, true);
    for (const [label, guess] of [...Array(20).fill(["a", "a"]), ["b", "b"]]) tally.add([label], guess);
    const { f1_macro } = intervals(measure, tally.kept, { samples: 200 }).intervals;
    expect(f1_macro).toEqual({ low: 1, mid: 1, high: 1 });
  });
});
