// Share of predictions that equal their reference, as evaluate's exact_match counts it: nothing is trimmed or folded
// unless asked for.

import { requirePairs } from "./pairs.js";
import { PUNCTUATION } from "./python.js";

export interface ExactMatchOptions {
  /** What these match is removed first, in this order; each needs the flag g to be removed everywhere. */
  ignore?: readonly RegExp[];
  ignoreCase?: boolean;
  ignorePunctuation?: boolean;
  ignoreNumbers?: boolean;
}

export interface ExactMatchResult {
  /** 0 to 1. */
  exactMatch: number;
  /** 1 where the row matches. */
  rows: Uint8Array;
  signature: string;
}

export function exactMatch(
  references: readonly string[],
  predictions: readonly string[],
  options: ExactMatchOptions = {},
): ExactMatchResult {
  requirePairs("exact_match", references, predictions);
  const fold = exactMatchFolder(options);
  const rows = Uint8Array.from(predictions, (text, row) => (fold(text) === fold(references[row]!) ? 1 : 0));
  return {
    exactMatch: rows.reduce((sum, match) => sum + match, 0) / rows.length,
    rows,
    signature: exactMatchSignature(options, rows.length),
  };
}

/** What is compared of a text. */
export function exactMatchFolder({
  ignore = [],
  ignoreCase = false,
  ignorePunctuation = false,
  ignoreNumbers = false,
}: ExactMatchOptions): (text: string) => string {
  return (text) => {
    let rest = ignore.reduce((remaining, pattern) => remaining.replace(pattern, ""), text);
    if (ignoreCase) rest = rest.toLowerCase();
    if (ignorePunctuation) rest = rest.replace(PUNCTUATION, "");
    return ignoreNumbers ? rest.replace(/[0-9]/g, "") : rest;
  };
}

export function exactMatchSignature(options: ExactMatchOptions, rows: number): string {
  const { ignore = [], ignoreCase = false, ignorePunctuation = false, ignoreNumbers = false } = options;
  const answer = (yes: boolean) => (yes ? "ignored" : "kept");
  const removed = ignore.length === 0 ? "no" : ignore.map(String).join(",");
  return (
    `exact_match|removed:${removed}|case:${answer(ignoreCase)}|punct:${answer(ignorePunctuation)}` +
    `|numbers:${answer(ignoreNumbers)}|scale:1|rows:${rows}`
  );
}
