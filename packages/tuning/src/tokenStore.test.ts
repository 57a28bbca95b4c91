import type { TokenizedExample } from "@attune/models";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenStore } from "./tokenStore.js";

describe("TokenStore", () => {
  it("gives back what was put in, whatever the lengths", () => {
    const ids = fc.array(fc.integer({ min: -100, max: 2 ** 31 - 1 }), { maxLength: 40 });
    const example = fc.record({ inputIds: ids, labels: ids, isSourceCut: fc.boolean(), isTargetCut: fc.boolean() });
    fc.assert(
      fc.property(fc.array(example, { maxLength: 200 }), (rows) => {
        const store = new TokenStore();
        const made = rows.map(
          (row, i): TokenizedExample => ({ id: `r${i}`, ...row, ...(i % 3 ? {} : { labels: row.inputIds }) }),
        );
        for (const one of made) store.add(one);
        expect(made.map((_, i) => store.at(i))).toEqual(made);
        expect(store.lengths()).toEqual(made.map(({ inputIds, labels }) => ({ source: inputIds.length, target: labels.length })));
        expect(store.cuts()).toEqual({
          sources: made.filter(({ isSourceCut }) => isSourceCut).length,
          targets: made.filter(({ isTargetCut }) => isTargetCut).length,
        });
        expect(() => store.at(made.length)).toThrow(RangeError);
      }),
    );
  });

  it("M6: holds 20,000 rows of 300 ids in little more than 4 bytes each, and one row that is longer than a block", () => {
    const store = new TokenStore();
    const row = { id: "r", inputIds: Array(260).fill(7), labels: Array(40).fill(8), isSourceCut: false, isTargetCut: false };
    for (let i = 0; i < 20_000; i++) store.add(row);
    expect(store.bytes).toBeLessThan(1.1 * 20_000 * (4 * 300 + 40));
    store.add({ ...row, inputIds: Array(300_000).fill(9) });
    expect([store.at(20_000).inputIds.length, store.at(19_999).inputIds.length]).toEqual([300_000, 260]);
  });
});
