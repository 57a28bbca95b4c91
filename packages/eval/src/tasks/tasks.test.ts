import { describe, expect, it } from "vitest";
import { judge } from "./judge.js";
import { labelReader, UNPARSED } from "./labels.js";
import { TASKS } from "./task.js";

describe("labelReader", () => {
  const read = labelReader(["positive", "negative", "not sure", "very positive"]);
  it.each([
    ["positive", "positive"],
    ["  Positive.\n", "positive"],
    ["Very positive!", "very positive"],
    ["The sentiment is negative", "negative"],
    ["it is very positive, I think", "very positive"],
    ["positive, not negative", "positive"], // it begins with its answer
    ["either negative or positive", UNPARSED],
    ["positively", UNPARSED],
    ["", UNPARSED],
    ["??", UNPARSED],
  ])("reads %j as %s", (answer, label) => expect(read(answer)).toBe(label));

  it("knows numbers with their sign, other scripts, and labels without words", () => {
    expect(labelReader(["1", "-1"])("-1")).toBe("-1");
    expect(labelReader(["да", "нет"])("Нет.")).toBe("нет");
    expect(labelReader(["+", "x"])("y")).toBe(UNPARSED);
  });
});

describe("judge", () => {
  it("scores every task's samples, row by row and whole", () => {
    for (const [name, task] of Object.entries(TASKS)) {
      const ends: Record<string, string> = { reasoning: "so #### 12", "chain-of-thought": "so the answer is 12" };
      const right = ends[name] ?? "a really fine long answer";
      const samples = [
        { id: "1", prompt: "p", reference: right, output: right },
        { id: "2", prompt: "q", reference: [right, "another one"], output: "" },
      ];
      const { scored, records, distinct, statistics } = judge(
        task.measures({ labels: ["a really fine long answer", "b"] }),
        samples,
      );
      expect(distinct).toBe(1);
      expect(statistics[0]).toHaveLength(2);
      const [{ headline, values }] = scored as [(typeof scored)[0]];
      expect(values[headline], name).toBeGreaterThan(0);
      expect(values[headline], name).toBeLessThan(100);
      expect(records.map(({ id }) => id)).toEqual(["1", "2"]);
      for (const [value, best] of Object.entries(records[0]!.scores)) {
        expect(best, `${name} ${value}`).toBeGreaterThan(records[1]!.scores[value]!);
      }
    }
    expect(() => judge([], [])).toThrow("0 examples to judge");
  });
});
