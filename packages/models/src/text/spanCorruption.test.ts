import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mt19937 } from "../random.js";
import { corruptSpans, noiseCounts, noiseMask, rawLength } from "./spanCorruption.js";

const sentinelIds = Array.from({ length: 100 }, (_, i) => 32099 - i);
const length = fc.integer({ min: 2, max: 600 });

describe("noiseMask", () => {
  it("hides the wanted number of tokens in the wanted number of spans, kept tokens first", () => {
    fc.assert(
      fc.property(length, fc.nat(), (n, seed) => {
        const mask = noiseMask(n, mt19937(seed));
        const { tokens, spans } = noiseCounts(n);
        expect(mask.length).toBe(n);
        expect(mask.filter(Boolean).length).toBe(tokens);
        expect(mask.filter((hidden, i) => hidden && !mask[i - 1]).length).toBe(spans);
        expect([mask[0], mask.at(-1)]).toEqual([false, true]);
      }),
    );
  });

  it("hides 15 % in spans of 3: 512 tokens have 77 hidden in 26 spans", () => {
    expect(noiseCounts(512)).toEqual({ tokens: 77, spans: 26 });
    expect(noiseCounts(2)).toEqual({ tokens: 1, spans: 1 });
    expect(noiseCounts(10, { noiseDensity: 0.9 })).toEqual({ tokens: 9, spans: 1 });
    expect(noiseCounts(10, { noiseDensity: 0.25 }).tokens).toBe(2); // 2.5 goes to the even neighbour, as in Python
    expect(() => noiseMask(1, mt19937(0))).toThrow(RangeError);
  });

  it("makes all divisions equally likely", () => {
    // 4 hidden tokens in 2 spans of a text of 12: lengths 1+3, 2+2, 3+1 must each come up about a third of the time
    const random = mt19937(1);
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 3000; i++) {
      const mask = noiseMask(12, random, { noiseDensity: 1 / 3, meanSpanLength: 2 });
      const begin = mask.indexOf(true);
      counts[mask.indexOf(false, begin) - begin]!++;
    }
    for (const count of counts.slice(1)) expect(Math.abs(count - 1000)).toBeLessThan(100);
  });
});

describe("corruptSpans", () => {
  it("looks like the paper's example", () => {
    const { inputIds, labels } = corruptSpans([10, 11, 12, 13, 14, 15, 16, 17, 18, 19], mt19937(3), {
      sentinelIds,
      eosId: 1,
      noiseDensity: 0.4,
      meanSpanLength: 2,
    });
    expect(inputIds.filter((id) => id >= 32000)).toEqual([32099, 32098]);
    expect(labels.filter((id) => id >= 32000)).toEqual([32099, 32098]);
    expect([inputIds.at(-1), labels.at(-1), labels[0]]).toEqual([1, 1, 32099]);
  });

  it("loses nothing: the target's spans put in place of the sentinels give the text again", () => {
    fc.assert(
      fc.property(length, fc.nat(), (n, seed) => {
        const ids = Array.from({ length: n }, (_, i) => i + 2);
        const { inputIds, labels } = corruptSpans(ids, mt19937(seed), { sentinelIds, eosId: 1 });
        const spanOf = (sentinel: number) => {
          const begin = labels.indexOf(sentinel) + 1;
          const end = labels.findIndex((id, i) => i >= begin && (id > 32000 || id === 1));
          return labels.slice(begin, end);
        };
        expect(inputIds.slice(0, -1).flatMap((id) => (id > 32000 ? spanOf(id) : [id]))).toEqual(ids);
      }),
    );
  });

  it("is seeded, and needs enough sentinels", () => {
    const ids = Array.from({ length: 100 }, (_, i) => i + 2);
    const options = { sentinelIds, eosId: 1 };
    expect(corruptSpans(ids, mt19937(5), options)).toEqual(corruptSpans(ids, mt19937(5), options));
    expect(corruptSpans(ids, mt19937(6), options)).not.toEqual(corruptSpans(ids, mt19937(5), options));
    expect(() => corruptSpans(ids, mt19937(5), { sentinelIds: [99], eosId: 1 })).toThrow(/5 hidden spans, the tokenizer has 1/);
  });
});

describe("rawLength", () => {
  it("is T5's: 512 ids of input come from 568 and give 114 of target", () => {
    expect(rawLength(512)).toEqual({ raw: 568, source: 512, target: 114 });
  });

  it("fills the input and never more", () => {
    fc.assert(
      fc.property(fc.integer({ min: 4, max: 600 }), fc.nat(), (max, seed) => {
        const { raw, source, target } = rawLength(max);
        const { inputIds, labels } = corruptSpans(
          Array.from({ length: raw }, () => 5),
          mt19937(seed),
          { sentinelIds: Array.from({ length: 200 }, (_, i) => 32099 - i), eosId: 1 },
        );
        expect([inputIds.length, labels.length]).toEqual([source, target]);
        expect(source).toBeLessThanOrEqual(max);
        const next = noiseCounts(raw + 1);
        expect(raw + 1 - next.tokens + next.spans + 1).toBeGreaterThan(max);
      }),
    );
    expect(() => rawLength(2)).toThrow(RangeError);
  });
});
