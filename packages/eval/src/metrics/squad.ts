// Exact match and F1 of question answering, as SQuAD's own scripts count them (P. Rajpurkar et al., "SQuAD: 100,000+
// questions for machine comprehension of text", 2016; v2: "Know what you don't know", 2018).
// Compared are normalised texts: lower case, without ASCII punctuation, without the words a, an, the. F1 is over their
// words. With several right answers the best counts. Totals are 0 to 100, rows 0 to 1.

import { dataError, requirePairs } from "./pairs.js";
import { PUNCTUATION, splitWords } from "./python.js";

export interface SquadOptions {
  /** "2.0": a row may have no right answer (an empty list), and then only an empty prediction is right. */
  version?: "1.1" | "2.0";
}

export interface SquadValue {
  exactMatch: number;
  f1: number;
}

export interface SquadResult extends SquadValue {
  rows: { exactMatch: Float64Array; f1: Float64Array };
  /** Version 2.0 only: the same over the rows that have an answer, and over those that have none. */
  hasAnswer?: SquadValue & { count: number };
  noAnswer?: SquadValue & { count: number };
  signature: string;
}

/** `references[i]` are all the right answers to question i. */
export function squad(
  references: readonly (readonly string[])[],
  predictions: readonly string[],
  { version = "1.1" }: SquadOptions = {},
): SquadResult {
  requirePairs("squad", references, predictions);
  const rows = { exactMatch: new Float64Array(predictions.length), f1: new Float64Array(predictions.length) };
  const answered: number[] = [];
  const unanswered: number[] = [];
  references.forEach((given, row) => {
    if (version === "1.1" && given.length === 0) {
      throw dataError(`squad: row ${row} has no right answer; version 1.1 needs one, version 2.0 allows none`);
    }
    (given.length > 0 ? answered : unanswered).push(row);
    const { exactMatch, f1 } = squadBest(given, predictions[row]!, version);
    rows.exactMatch[row] = exactMatch;
    rows.f1[row] = f1;
  });
  const over = (which: readonly number[]) => {
    const percent = (values: Float64Array) => (100 * which.reduce((sum, row) => sum + values[row]!, 0)) / which.length;
    return { exactMatch: percent(rows.exactMatch), f1: percent(rows.f1), count: which.length };
  };
  const { exactMatch, f1 } = over(predictions.map((_, row) => row));
  return {
    exactMatch,
    f1,
    rows,
    ...(version === "2.0" && answered.length > 0 && { hasAnswer: over(answered) }),
    ...(version === "2.0" && unanswered.length > 0 && { noAnswer: over(unanswered) }),
    signature: squadSignature(version, predictions.length),
  };
}

export function squadSignature(version: "1.1" | "2.0", rows: number): string {
  return `squad|version:${version}|refs:best|scale:100|rows:${rows}`;
}

/** One prediction against all right answers: the best of each, 0 to 1. In 2.0 none at all asks for an empty prediction. */
export function squadBest(answers: readonly string[], prediction: string, version: "1.1" | "2.0" = "1.1"): SquadValue {
  // In 2.0 an answer that normalises to nothing is no answer, and none at all is an empty one.
  const right = version === "1.1" ? answers : answers.filter((answer) => normalizeAnswer(answer) !== "");
  const scores = (right.length > 0 ? right : [""]).map((answer) => squadScore(answer, prediction, version));
  return { exactMatch: Math.max(...scores.map((score) => score.exactMatch)), f1: Math.max(...scores.map(({ f1 }) => f1)) };
}

/** One prediction against one right answer, 0 to 1. Nothing in common is 0; in 2.0 nothing against nothing is 1. */
export function squadScore(answer: string, prediction: string, version: "1.1" | "2.0" = "1.1"): SquadValue {
  const expected = normalizeAnswer(answer);
  const found = normalizeAnswer(prediction);
  const exactMatch = expected === found ? 1 : 0;
  const expectedWords = splitWords(expected);
  const foundWords = splitWords(found);
  if (version === "2.0" && (expectedWords.length === 0 || foundWords.length === 0)) return { exactMatch, f1: exactMatch };
  const left = new Map<string, number>();
  for (const word of expectedWords) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of foundWords) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    common++;
  }
  return { exactMatch, f1: common > 0 ? (2 * common) / (expectedWords.length + foundWords.length) : 0 };
}

/** What SQuAD compares: "The U.S., again" is "us again". */
export function normalizeAnswer(text: string): string {
  const plain = text.toLowerCase().replace(PUNCTUATION, "");
  // Python's \b knows letters and digits of all scripts, JavaScript's those of ASCII only.
  return splitWords(plain.replace(/(?<![\p{L}\p{N}])(a|an|the)(?![\p{L}\p{N}])/gu, " ")).join(" ");
}
