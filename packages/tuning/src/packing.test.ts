import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { packSequences } from "./packing.js";

describe("packed sequences", () => {
  it("stand where the least room is left, the longest first", () => {
    const { rows, lengths } = packSequences([6, 5, 4, 3, 2], 10, 1);
    // 6; 5; 4 beside 6; 3 beside 5; 2 beside 5 and 3
    expect(rows).toEqual([
      [0, 2],
      [1, 3, 4],
    ]);
    expect(lengths).toEqual([10, 10]);
  });

  it("each stand in one row, none of which is too long, and no two rows would fit one", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 80 }), fc.nat(), (lengths, seed) => {
        const packed = packSequences(lengths, 30, seed);
        expect(packed.rows.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
        packed.rows.forEach((row, i) => {
          expect(row.reduce((sum, index) => sum + lengths[index]!, 0)).toBe(packed.lengths[i]);
        });
        expect(Math.max(...packed.lengths)).toBeLessThanOrEqual(30);
        const [least = 30, next = 30] = [...packed.lengths].sort((a, b) => a - b);
        if (packed.lengths.length > 1) expect(least + next).toBeGreaterThan(30);
      }),
    );
  });

  it("are the same by the same seed, and others by another, in rows of the same lengths", () => {
    const lengths = Array.from({ length: 200 }, (_, i) => 1 + ((i * 7) % 19));
    const [first, again, other] = [3, 3, 4].map((seed) => packSequences(lengths, 40, seed));
    expect(again).toEqual(first);
    expect(other!.rows).not.toEqual(first!.rows);
    expect(other!.lengths).toEqual(first!.lengths);
    const total = lengths.reduce((a, b) => a + b, 0);
    expect(total / (40 * first!.lengths.length)).toBeGreaterThan(0.97);
  });

  it("that fit no row are refused", () => {
    expect(() => packSequences([3, 11], 10, 0)).toThrow("a sequence of 11 does not fit a row of 10");
  });
});
