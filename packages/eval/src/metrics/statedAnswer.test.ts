import { describe, expect, it } from "vitest";
import { Tally } from "../measure/measure.js";
import { MEASURES } from "../measure/table.js";
import { statedAnswer } from "./statedAnswer.js";

describe("statedAnswer", () => {
  it.each<[string, string, string | null]>([
    ["the last one said", "The answer is no, one may think. But the answer is Yes.", "yes"],
    ["up to the line's end", "Two and two.\nThe answer is:  4 \nQuestion: what else?", "4"],
    ["several words", "so the answer is (a)  warm  water!", "(a) warm water"],
    ["none where it is not said", "It is yes.", null],
    ["none where nothing follows", "I think the answer is", null],
  ])("%s", (_, text, expected) => expect(statedAnswer(text)).toBe(expected));
  it("behind other words", () => expect(statedAnswer("Thus: 4", "thus")).toBe("4"));
});

it("stated_answer: reasons do not count, what states nothing is wrong and counted", () => {
  const tally = new Tally(MEASURES.stated_answer!.make({}), false);
  tally.add(["All birds fly. The answer is yes."], "Because I say so. The answer is Yes");
  tally.add(["All birds fly. The answer is yes."], "All birds fly. The answer is no.");
  tally.add(["yes"], "All birds fly, the answer is yes.");
  tally.add(["The answer is yes."], "yes");
  const { values, headline, signature } = tally.result();
  expect(values).toEqual({ exact_match: 0.5, unreadable: 0.25 });
  expect(headline).toBe("exact_match");
  expect(signature).toBe("stated_answer|after:The answer is|case:ignored|final-stop:ignored|unreadable:wrong|scale:1|rows:4");
});
