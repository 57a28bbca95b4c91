// The answer at the end of a chain of thought, as GSM8K's own script and lm-evaluation-harness read it (K. Cobbe et al., "Training
// verifiers to solve math word problems", 2021):
//   strict    the number behind "#### ", and nothing where there is none: GSM8K's own [invalid]
//   flexible  the last number anywhere in the text: lm-evaluation-harness's flexible-extract
// Compared are the numbers, not their spelling: 1,000 is 1000, $18.00 is 18, 007 is 7. No floating point takes part.

import { requirePairs } from "./pairs.js";

export type AnswerStyle = "strict" | "flexible";

export interface FinalAnswerOptions {
  /** How the prediction is read; references are strict where they have "####", else flexible. "flexible". */
  style?: AnswerStyle;
}

export interface FinalAnswerResult {
  /** Share of predictions whose number is the reference's, 0 to 1. */
  exactMatch: number;
  /** 1 where the row matches. */
  rows: Uint8Array;
  /** Predictions without a number: wrong, and counted. */
  unreadable: number;
  signature: string;
}

const STRICT = /#### (-?[0-9.,]+)/;
const FLEXIBLE = /-?[$0-9.,]{2,}|-?[0-9]+/g;

/** The number as plain digits, "-12.5"; null where the text has none. */
export function finalAnswer(text: string, style: AnswerStyle = "flexible"): string | null {
  const found = style === "strict" ? STRICT.exec(text)?.[1] : text.match(FLEXIBLE)?.findLast((piece) => /[0-9]/.test(piece));
  return found === undefined ? null : plainNumber(found);
}

/** Row by row: is the number that the prediction ends with the reference's? */
export function finalAnswerMatch(
  references: readonly string[],
  predictions: readonly string[],
  { style = "flexible" }: FinalAnswerOptions = {},
): FinalAnswerResult {
  requirePairs("gsm8k", references, predictions);
  const answers = predictions.map((text) => finalAnswer(text, style));
  const rows = Uint8Array.from(answers, (answer, row) =>
    answer !== null && answer === referenceAnswer(references[row]!) ? 1 : 0,
  );
  return {
    exactMatch: rows.reduce((sum, match) => sum + match, 0) / rows.length,
    rows,
    unreadable: answers.filter((answer) => answer === null).length,
    signature: finalAnswerSignature(style, rows.length),
  };
}

/** GSM8K's references end in "#### 42"; a bare "42" will do. */
export function referenceAnswer(text: string): string | null {
  return finalAnswer(text, STRICT.test(text) ? "strict" : "flexible");
}

export function finalAnswerSignature(style: AnswerStyle, rows: number): string {
  return `gsm8k|answer:${style}|compared:numbers|unreadable:wrong|scale:1|rows:${rows}`;
}

/** "$1,000.50." -> "1000.5"; null where nothing but signs is left. */
function plainNumber(text: string): string | null {
  const sign = text.startsWith("-") ? "-" : "";
  const [whole = "", ...rest] = text.replace(/[$,]/g, "").replace(/^-/, "").replace(/\.+$/, "").split(".");
  if (rest.length > 1 || !/^[0-9]*$/.test(whole + rest.join(""))) return null; // 1.2.3 is no number
  const digits = whole.replace(/^0+/, "") || "0";
  const fraction = (rest[0] ?? "").replace(/0+$/, "");
  if (whole === "" && (rest[0] ?? "") === "") return null;
  const number = fraction === "" ? digits : `${digits}.${fraction}`;
  return number === "0" ? "0" : sign + number;
}
