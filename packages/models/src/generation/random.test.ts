import { describe, expect, it } from "vitest";
import { philox4x32, philoxDraws, pick } from "./random.js";

describe("Philox4x32-10", () => {
  it("gives the published words", () => {
    // kat_vectors of Random123
    const hex = (words: readonly number[]) => words.map((word) => word.toString(16).padStart(8, "0")).join(" ");
    expect(hex(philox4x32([0, 0, 0, 0], [0, 0]))).toBe("6627e8d5 e169c58d bc57ac4c 9b00dbd8");
    const ones = 0xffffffff;
    expect(hex(philox4x32([ones, ones, ones, ones], [ones, ones]))).toBe("408f276d 41c83b0e a20bc7c6 6d5451fd");
    expect(hex(philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]))).toBe(
      "d16cfe09 94fdcceb 5001e420 24126ea1",
    );
  });

  it("draws by counters alone, spread evenly", () => {
    const draw = philoxDraws(7);
    expect(draw(3, 4, 5)).toBe(philoxDraws(7)(3, 4, 5));
    const near = [draw(3, 4, 6), draw(3, 5, 5), draw(4, 4, 5), philoxDraws(8)(3, 4, 5), philoxDraws(7 + 2 ** 32)(3, 4, 5)];
    expect(new Set([draw(3, 4, 5), ...near]).size).toBe(6);
    const tenths = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) tenths[Math.floor(10 * draw(i, 0, 0))]!++;
    for (const count of tenths) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

describe("pick", () => {
  it("takes an index by its weight, never one without", () => {
    const weights = Float64Array.of(0, 1, 0, 3, 0);
    expect([0, 0.249, 0.251, 0.999999].map((u) => pick(weights, u))).toEqual([1, 1, 3, 3]);
    expect(pick(weights, 1)).toBe(3); // rounding
  });
  it("says so where there is nothing to pick", () => {
    expect(pick(Float64Array.of(0, 0), 0.5)).toBe(-1);
    expect(pick(Float64Array.of(1, Number.NaN), 0.5)).toBe(-1);
  });
});
