import { describe, expect, it } from "vitest";
import { exactMatch } from "./exactMatch.js";

describe("exactMatch", () => {
  it("keeps everything unless asked", () => {
    const references = ["Yes", "no.", "42 boats", " x"];
    const predictions = ["yes", "no", "41 boats", "x"];
    expect(exactMatch(references, predictions).exactMatch).toBe(0);
    expect([...exactMatch(references, predictions, { ignoreCase: true }).rows]).toEqual([1, 0, 0, 0]);
    expect([...exactMatch(references, predictions, { ignorePunctuation: true }).rows]).toEqual([0, 1, 0, 0]);
    expect([...exactMatch(references, predictions, { ignoreNumbers: true }).rows]).toEqual([0, 0, 1, 0]);
    const all = exactMatch(references, predictions, {
      ignore: [/^ /],
      ignoreCase: true,
      ignorePunctuation: true,
      ignoreNumbers: true,
    });
    expect(all.exactMatch).toBe(1);
    expect(all.signature).toBe("exact_match|removed:/^ /|case:ignored|punct:ignored|numbers:ignored|scale:1|rows:4");
  });

  it("removes patterns first, while case and punctuation are still there", () => {
    const options = { ignore: [/the /g, /T\./g], ignoreCase: true };
    expect(exactMatch(["the boat"], ["T.boat"], options).exactMatch).toBe(1);
    expect(exactMatch(["The boat"], ["boat"], options).exactMatch).toBe(0);
  });

  it("refuses rows that do not match", () => {
    expect(() => exactMatch(["a"], [])).toThrow("exact_match: 1 references and 0 predictions");
  });
});
