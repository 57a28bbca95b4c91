import { describe, expect, it } from "vitest";
import { heapGuard } from "./heapGuard.js";

describe("M6: rows that do not fit memory", () => {
  it("are refused in one line that names the limit and what to do, before V8 gives up", () => {
    let used = 100 * 2 ** 20;
    const look = heapGuard("big.jsonl", () => ({ used_heap_size: used, heap_size_limit: 2 ** 31 }));
    for (let i = 0; i < 5000; i++) look();
    used = 0.95 * 2 ** 31;
    let message = "";
    for (let i = 0; i < 600 && !message; i++)
      try {
        look();
      } catch (error) {
        expect(error).toMatchObject({ exitClass: "data" });
        ({ message } = error as Error);
      }
    expect(message).toMatch(
      /^big\.jsonl: \d+ rows fill .* of the .* that Node may use; allow more \(NODE_OPTIONS=--max-old-space-size=4096\)/,
    );
  });
});
