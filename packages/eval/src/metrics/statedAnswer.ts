// The answer that a chain of thought states at its end (J. Wei et al., "Chain-of-thought prompting elicits reasoning in large language
// models", 2022): "... So both are needed. The answer is yes." The reasons before it are not judged.

/** What stands in front of the answer in the templates that attune has. */
export const ANSWER_AFTER = "The answer is";

/**
 * What stands behind the last `after`, up to the line's end, without the full stop, case and the number of blanks; null where the text
 * does not say it, or nothing follows.
 */
export function statedAnswer(text: string, after = ANSWER_AFTER): string | null {
  const at = text.toLowerCase().lastIndexOf(after.toLowerCase());
  if (at < 0) return null;
  const [line = ""] = text
    .slice(at + after.length)
    .replace(/^\s*:?\s*/, "")
    .split("\n", 1);
  const answer = folded(line);
  return answer === "" ? null : answer;
}

/** A reference that states no answer is one itself. */
export const statedReference = (text: string, after?: string): string => statedAnswer(text, after) ?? folded(text);

const folded = (text: string): string =>
  text
    .trim()
    .replace(/[.!]+$/, "")
    .replace(/\s+/g, " ")
    .trim()
    .toLowerCase();

export function statedAnswerSignature(after: string, rows: number): string {
  return `stated_answer|after:${after}|case:ignored|final-stop:ignored|unreadable:wrong|scale:1|rows:${rows}`;
}
