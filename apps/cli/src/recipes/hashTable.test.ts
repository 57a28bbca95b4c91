import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HashTable, hash32 } from "./hashTable.js";

describe("HashTable", () => {
  it("is a map that keeps the first number of each text", () =>
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.nat(2 ** 32 - 1))), (entries) => {
        const [table, map] = [new HashTable(), new Map<string, number>()];
        for (const [text, value] of entries) {
          expect(table.seen(text, value)).toBe(map.get(text));
          if (!map.has(text)) map.set(text, value);
        }
        expect(table.size).toBe(map.size);
        for (const [text] of entries) expect(table.get(text)).toBe(map.get(text));
        expect(table.get("a text of more than three")).toBeUndefined();
      }),
    ));

  it("W14: takes at most 36 bytes a text, however many there are", () => {
    const table = new HashTable();
    let [most, wrong] = [0, 0];
    for (let i = 0; i < 60_000; i++) {
      if (table.seen(`text ${i}`, i) !== undefined) wrong++;
      if (i > 1000) most = Math.max(most, table.bytes / table.size);
    }
    for (let i = 0; i < 60_000; i++) if (table.get(`text ${i}`) !== i) wrong++;
    expect(wrong).toBe(0);
    expect(most).toBeLessThanOrEqual(36);
    expect(hash32("a")).not.toBe(hash32("b"));
  });
});
