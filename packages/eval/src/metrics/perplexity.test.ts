import { expect, it } from "vitest";
import { perplexity } from "./perplexity.js";

it("is exp of the mean loss over all tokens, and the mean of the rows' own", () => {
  const found = perplexity([[Math.log(0.5), Math.log(0.25)], [Math.log(0.125)]]);
  expect(found.loss).toBeCloseTo((6 * Math.log(2)) / 3, 12);
  expect(found.perplexity).toBeCloseTo(4, 12);
  expect([...found.rows]).toEqual([expect.closeTo(Math.sqrt(8), 12), expect.closeTo(8, 12)]);
  expect(found.meanPerplexity).toBeCloseTo((Math.sqrt(8) + 8) / 2, 12);
  expect(found.signature).toBe("perplexity|base:e|mean:tokens|tokens:3|rows:2");
});

it("keeps what is impossible and what is unknown, and refuses what has no tokens", () => {
  expect(perplexity([[Number.NEGATIVE_INFINITY], [0]]).perplexity).toBe(Number.POSITIVE_INFINITY);
  expect(perplexity([[Number.NaN], [0]]).perplexity).toBeNaN();
  expect(() => perplexity([])).toThrow("at least one row");
  expect(() => perplexity([[0], []])).toThrow("row 1 has no tokens");
});
