import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lead1, lead3, longestTurn, randomSummary } from "./baselines.js";
import { distinctShare } from "./distinct.js";

const dialogue = "Ida: Hello!\n\n  Max: The train at 10:30 is cancelled, so we take the bus.\nIda: Fine.\nMax: See you.";

describe("baselines", () => {
  it("take the first turns as they stand, and the longest without its speaker", () => {
    expect(lead1(dialogue)).toBe("Ida: Hello!");
    expect(lead3(dialogue)).toBe("Ida: Hello! Max: The train at 10:30 is cancelled, so we take the bus. Ida: Fine.");
    expect(longestTurn(dialogue)).toBe("The train at 10:30 is cancelled, so we take the bus.");
    expect(longestTurn("#Person1#: Oh.\n#Person2#: Oh?")).toBe("Oh.");
    expect(longestTurn("at 10:30 then")).toBe("at 10:30 then");
    expect([lead1(""), lead3("\n"), longestTurn(""), longestTurn("Ida:")]).toEqual(["", "", "", ""]);
  });

  it("draw a training summary by seed and row", () => {
    const train = Array.from({ length: 7 }, (_, i) => `summary ${i}`);
    fc.assert(
      fc.property(fc.integer(), fc.nat(), (seed, row) => {
        expect(train).toContain(randomSummary(train, seed, row));
        expect(randomSummary(train, seed, row)).toBe(randomSummary(train, seed, row));
      }),
    );
    // 7,000 draws with neighbouring rows or seeds: each of 7 about 1,000 times; 150 is more than five standard deviations.
    for (const draw of [(i: number) => randomSummary(train, 42, i), (i: number) => randomSummary(train, i)]) {
      const counts = new Map(train.map((summary) => [summary, 0]));
      for (let i = 0; i < 7000; i++) counts.set(draw(i), counts.get(draw(i))! + 1);
      for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
    }
    expect(() => randomSummary([], 1)).toThrow("no training summary");
  });
});

describe("distinctShare", () => {
  it("is the share of different outputs", () => {
    expect(distinctShare(["a", "b", "a", "A"])).toBe(0.75);
    expect(distinctShare([])).toBeNaN();
  });
});
