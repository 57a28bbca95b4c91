import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { goldenMetric } from "../../testing/shared.js";
import { normalizeAnswer, squad, squadScore } from "./squad.js";

describe("squad", () => {
  it("compares lower-cased words without ASCII punctuation and articles", () => {
    expect(normalizeAnswer("The U.S.,\u00a0again an\tA-b")).toBe("us again ab");
    expect(normalizeAnswer("à a thé the")).toBe("à thé"); // word borders of all scripts
    expect(squadScore("the red boat", "A red, fast boat")).toEqual({ exactMatch: 0, f1: expect.closeTo(4 / 5, 12) });
    expect(squadScore("b b c", "b b b")).toEqual({ exactMatch: 0, f1: expect.closeTo(4 / 6, 12) });
  });

  it("takes the best of the right answers, in percent", () => {
    const result = squad([["two boats", "boats"], ["noon"]], ["Boats!", "midnight"]);
    expect(result).toMatchObject({ exactMatch: 50, f1: 50, signature: "squad|version:1.1|refs:best|scale:100|rows:2" });
    expect([...result.rows.f1]).toEqual([1, 0]);
    expect(result.hasAnswer).toBeUndefined();
  });

  it("counts nothing against nothing as F1 0 in 1.1 and 1 in 2.0, as the two scripts do", () => {
    expect(squadScore("the", "")).toEqual({ exactMatch: 1, f1: 0 });
    expect(squadScore("the", "", "2.0")).toEqual({ exactMatch: 1, f1: 1 });
    expect(squadScore("", "boat", "2.0")).toEqual({ exactMatch: 0, f1: 0 });
  });

  it("knows questions without an answer in 2.0 only", () => {
    const references = [["boat"], [], []];
    expect(squad(references, ["the boat", "", "boat"], { version: "2.0" })).toMatchObject({
      exactMatch: expect.closeTo(200 / 3, 12),
      hasAnswer: { exactMatch: 100, f1: 100, count: 1 },
      noAnswer: { exactMatch: 50, f1: 50, count: 2 },
    });
    expect(() => squad(references, ["a", "b", "c"])).toThrow("row 1 has no right answer; version 1.1 needs one");
    expect(() => squad([["a"]], [])).toThrow("1 references and 0 predictions");
  });

  it("is symmetric, in 0..1, and 1 for equal words in any order", () => {
    const text = fc
      .array(fc.constantFrom("the", "boat", "red", "Red", "!", "é"), { maxLength: 6 })
      .map((words) => words.join(" "));
    fc.assert(
      fc.property(text, text, (one, other) => {
        const { f1, exactMatch } = squadScore(one, other, "2.0");
        expect(f1).toBe(squadScore(other, one, "2.0").f1);
        expect(f1).toBeGreaterThanOrEqual(exactMatch);
        expect(f1).toBeLessThanOrEqual(1);
        expect(squadScore(one, one.split(" ").reverse().join(" "), "2.0").f1).toBe(1);
      }),
    );
  });

  it("equals SQuAD's script on 100 pairs", (context) => {
    type Case = { prediction: string; answers: string[]; normalized: string; exact_match: number; f1: number };
    const golden = goldenMetric<{ cases: Case[]; exact_match: number; f1: number }>(context, "squad.json");
    const result = squad(
      golden.cases.map(({ answers }) => answers),
      golden.cases.map(({ prediction }) => prediction),
    );
    golden.cases.forEach((one, row) => {
      expect(normalizeAnswer(one.prediction)).toBe(one.normalized);
      expect([row, result.rows.exactMatch[row]]).toEqual([row, one.exact_match]);
      expect(Math.abs(result.rows.f1[row]! - one.f1), `row ${row}`).toBeLessThan(1e-9);
    });
    expect(result.exactMatch).toBeCloseTo(golden.exact_match, 9);
    expect(result.f1).toBeCloseTo(golden.f1, 9);
  });
});
