import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { goldenMetric } from "../../testing/shared.js";
import { type ClassScores, classification, type Label } from "./classification.js";

const truth = ["up", "up", "flat", "down", "down", "up"];
const predicted = ["up", "flat", "flat", "down", "??", "up"];
const scores = (precision: number, recall: number, f1: number) => ({
  precision: closeTo(precision),
  recall: closeTo(recall),
  f1: closeTo(f1),
});
const closeTo = (value: number) => (Number.isNaN(value) ? Number.NaN : expect.closeTo(value, 12));

describe("classification", () => {
  it("gives scikit-learn's values, an unreadable answer as a class of its own", () => {
    const result = classification(truth, predicted);
    expect(result.labels).toEqual(["??", "down", "flat", "up"]);
    expect(result.confusion).toEqual([
      [0, 0, 0, 0],
      [1, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 1, 2],
    ]);
    expect(result.accuracy).toBeCloseTo(4 / 6, 12);
    expect(result.matthews).toBeCloseTo(0.5853694070049635, 12);
    expect(result.macro).toEqual(scores(0.625, 0.5416666666666666, 0.5333333333333333));
    expect(result.micro).toEqual(scores(4 / 6, 4 / 6, 4 / 6));
    expect(result.weighted).toEqual(scores(0.9166666666666666, 4 / 6, 0.7333333333333334));
    expect(result.perClass[3]).toEqual({ label: "up", support: 3, ...scores(1, 2 / 3, 0.8) });
    expect(result.signature).toBe("classification|classes:4|labels:all|zero_division:0|rows:6|like:scikit-learn");
  });

  it("averages over the labels asked for, and keeps accuracy over all", () => {
    const result = classification(truth, predicted, { labels: ["down", "flat", "up"] });
    expect(result.micro).toEqual(scores(0.8, 4 / 6, 0.7272727272727273));
    expect(result.accuracy).toBeCloseTo(4 / 6, 12);
    expect(result.confusion).toEqual([
      [1, 0, 0],
      [0, 1, 0],
      [0, 1, 2],
    ]);
  });

  it("takes 0 / 0 for what it is told", () => {
    const of = (labels: string[], zeroDivision: number) => classification(truth, predicted, { labels, zeroDivision });
    expect(of(["zz"], 0).weighted).toEqual(scores(0, 0, 0));
    expect(of(["zz"], 1).weighted).toEqual(scores(1, 1, 1));
    expect(of(["zz"], Number.NaN).macro).toEqual(scores(Number.NaN, Number.NaN, Number.NaN));
    expect(of(["??"], 1).weighted).toEqual(scores(0, 1, 0));
    expect(of(["??"], Number.NaN).macro).toEqual(scores(0, Number.NaN, 0));
    expect(classification(truth, predicted, { zeroDivision: Number.NaN }).macro.recall).toBeCloseTo(0.7222222222222222, 12);
  });

  it("sorts numbers as numbers, and refuses what has no order or no rows", () => {
    expect(classification([10, 9], [9, 9]).labels).toEqual([9, 10]);
    expect(() => classification<Label>([1], ["1"])).toThrow("partly numbers and partly texts");
    expect(() => classification([1], [1], { labels: [1, 1] })).toThrow("none twice");
    expect(() => classification([], [])).toThrow("at least one row");
  });

  it("keeps its sums: rows are supports, micro is accuracy, F1 lies between", () => {
    const labels = fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 4 })), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(labels, (pairs) => {
        const result = classification(
          pairs.map(([t]) => t),
          pairs.map(([, p]) => p),
        );
        result.perClass.forEach(({ support, precision, recall, f1 }, k) => {
          expect(result.confusion[k]!.reduce((a, b) => a + b, 0)).toBe(support);
          expect(f1).toBeGreaterThanOrEqual(Math.min(precision, recall) - 1e-12);
          expect(f1).toBeLessThanOrEqual(Math.max(precision, recall) + 1e-12);
        });
        expect(result.micro.f1).toBeCloseTo(result.accuracy, 12);
        expect(result.weighted.recall).toBeCloseTo(result.accuracy, 12);
        expect(Math.abs(result.matthews)).toBeLessThanOrEqual(1 + 1e-12);
      }),
    );
  });

  it("equals scikit-learn on 20 sets, for 0 / 0 as 0, 1 and NaN", (context) => {
    type Value = number | "NaN";
    type Average = Record<keyof ClassScores, Value>;
    interface GoldenSet {
      true: Label[];
      predicted: Label[];
      labels_argument: Label[] | null;
      labels: Label[];
      accuracy: number;
      confusion_matrix?: number[][];
      matthews_corrcoef: number;
    }
    type Averages = Record<"macro" | "micro" | "weighted", Average> & {
      per_class: Record<keyof ClassScores | "support", Value[]>;
    };
    const { sets } = goldenMetric<{ sets: (GoldenSet & Record<`zero_division_${string}`, Averages>)[] }>(
      context,
      "classification.json",
    );
    const expectClose = (actual: number, expected: Value, where: string) => {
      if (expected === "NaN") expect(actual, where).toBeNaN();
      else expect(Math.abs(actual - expected), where).toBeLessThan(1e-9);
    };
    const keys = ["precision", "recall", "f1"] as const;
    for (const [i, golden] of sets.entries()) {
      for (const zeroDivision of [0, 1, Number.NaN]) {
        const labels = golden.labels_argument ?? undefined;
        const result = classification(golden.true, golden.predicted, { labels, zeroDivision });
        expect(result.labels).toEqual(golden.labels);
        expectClose(result.accuracy, golden.accuracy, `set ${i} accuracy`);
        expectClose(result.matthews, golden.matthews_corrcoef, `set ${i} matthews`);
        if (golden.confusion_matrix) expect(result.confusion).toEqual(golden.confusion_matrix);
        const expected = golden[`zero_division_${String(zeroDivision).toLowerCase()}`]!;
        for (const key of keys) {
          const where = `set ${i} 0/0=${zeroDivision} ${key}`;
          for (const average of ["macro", "micro", "weighted"] as const) {
            expectClose(result[average][key], expected[average][key], `${where} ${average}`);
          }
          result.perClass.forEach((one, k) => {
            expectClose(one[key], expected.per_class[key][k]!, `${where} class ${k}`);
            expectClose(one.support, expected.per_class.support[k]!, `${where} support ${k}`);
          });
        }
      }
    }
  });
});
