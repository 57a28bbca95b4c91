import { describe, expect, it } from "vitest";
import { sharedText } from "../../testing/shared.js";
import { finalAnswer, finalAnswerMatch } from "./finalAnswer.js";

describe("finalAnswer", () => {
  it.each([
    ["48/2 = <<48/2=24>>24\n#### 24", "24", "24"],
    ["so 3 + 4 = 7.", null, "7"],
    ["#### 1,000", "1000", "1000"],
    ["It costs $1,250.50.", null, "1250.5"],
    ["#### -3", "-3", "-3"],
    ["#### 018.00", "18", "18"],
    ["#### -0", "0", "0"],
    ["first #### 5 then #### 6", "5", "6"],
    ["version 1.2.3", null, null],
    ["no number ...", null, null],
    ["18 ...", null, "18"], // lm-evaluation-harness would take the dots, and be wrong
    ["####24", null, "24"],
    ["#### .5", "0.5", "0.5"],
    ["", null, null],
  ])("of %j is %j by the mark and %j anywhere", (text, strict, flexible) => {
    expect(finalAnswer(text, "strict")).toBe(strict);
    expect(finalAnswer(text, "flexible")).toBe(flexible);
  });

  it("is compared as a number, and counted where there is none", () => {
    const found = finalAnswerMatch(["#### 1,000", "#### 5", "7"], ["1000.00 dollars", "nobody knows", "#### 7"]);
    expect(found).toMatchObject({ exactMatch: 2 / 3, unreadable: 1 });
    expect([...found.rows]).toEqual([1, 0, 1]);
    expect(found.signature).toBe("gsm8k|answer:flexible|compared:numbers|unreadable:wrong|scale:1|rows:3");
    expect(finalAnswerMatch(["#### 5"], ["5"], { style: "strict" })).toMatchObject({ exactMatch: 0, unreadable: 1 });
  });

  it("reads every reference of GSM8K, and its published solutions as their own marks have it", (context) => {
    const lines = <T>(name: string) =>
      sharedText(context, `data/gsm8k/${name}`)
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as T);
    const answers = lines<{ answer: string }>("test.jsonl").map(({ answer }) => answer);
    expect(answers).toHaveLength(1319);
    expect(answers.filter((answer) => finalAnswer(answer, "strict") === null)).toEqual([]);
    // these end in "A: 18" instead
    const solutions = lines<Record<string, { solution: string; is_correct: boolean } | string>>("example_model_solutions.jsonl");
    const rows = solutions.flatMap(({ question: _, ground_truth: truth, ...models }) =>
      Object.values(models).map((model) => ({ truth: truth as string, ...(model as { solution: string; is_correct: boolean }) })),
    );
    expect(rows.length).toBe(4 * 1319);
    const found = finalAnswerMatch(
      rows.map(({ truth }) => truth),
      rows.map(({ solution }) => solution),
    );
    const differing = rows.filter(({ is_correct }, i) => is_correct !== (found.rows[i] === 1));
    expect(differing.map(({ truth, solution }) => [truth.slice(-20), solution.slice(-60)])).toEqual([]);
  });
});
