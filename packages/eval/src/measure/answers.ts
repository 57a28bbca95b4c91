// Measures of answers that are right or wrong: exact match, SQuAD's exact match and F1, the number at the end, classes.

import { type ClassificationOptions, type ConfusionCell, classificationOfCells } from "../metrics/classification.js";
import { type ExactMatchOptions, exactMatchFolder, exactMatchSignature } from "../metrics/exactMatch.js";
import { type FinalAnswerOptions, finalAnswer, finalAnswerSignature, referenceAnswer } from "../metrics/finalAnswer.js";
import { type SquadOptions, squadBest, squadSignature } from "../metrics/squad.js";
import { ANSWER_AFTER, statedAnswer, statedAnswerSignature, statedReference } from "../metrics/statedAnswer.js";
import { columnsOf, type Measure } from "./measure.js";

/** Share of predictions that equal a reference, 0 to 1. */
export function exactMatchMeasure(options: ExactMatchOptions = {}): Measure {
  const fold = exactMatchFolder(options);
  const columns = columnsOf(2); // rows, matches
  return {
    name: "exact_match",
    headline: "exact_match",
    row: (references, prediction) => {
      const found = fold(prediction);
      return { columns, amounts: [1, references.some((reference) => fold(reference) === found) ? 1 : 0] };
    },
    values: (sums) => ({ exact_match: sums[1]! / sums[0]! }),
    rowValues: ({ amounts }) => ({ exact_match: amounts[1]! }),
    signature: (rows, references) => {
      const signature = exactMatchSignature(options, rows);
      return references === "1" ? signature : `${signature}|nrefs:${references}`;
    },
  };
}

/** Exact match and F1, 0 to 100. In version 2.0 a row without a right answer is one that must not be answered. */
export function squadMeasure({ version = "1.1" }: SquadOptions = {}): Measure {
  const columns = columnsOf(3); // rows, exact matches, f1
  const others = [3, 4, 5]; // the same of rows that have no right answer
  return {
    name: version === "1.1" ? "squad" : "squad_v2",
    headline: "f1",
    allowsNoReference: version === "2.0",
    row(references, prediction) {
      const { exactMatch, f1 } = squadBest(references, prediction, version);
      return { columns: references.length > 0 ? columns : others, amounts: [1, exactMatch, f1] };
    },
    values(sums) {
      const at = (k: number): number => sums[k] ?? 0;
      const percent = (part: number, rows: number): number => (100 * part) / rows;
      const [answered, unanswered] = [at(0), at(3)];
      return {
        exact_match: percent(at(1) + at(4), answered + unanswered),
        f1: percent(at(2) + at(5), answered + unanswered),
        ...(version === "2.0" && answered > 0 && { has_answer_f1: percent(at(2), answered) }),
        ...(version === "2.0" && unanswered > 0 && { no_answer_f1: percent(at(5), unanswered) }),
      };
    },
    rowValues: ({ amounts }) => ({ exact_match: amounts[1]!, f1: amounts[2]! }),
    signature: (rows) => squadSignature(version, rows),
  };
}

/** Share of predictions in which the same answer is found as in a reference, 0 to 1. */
function foundAnswerMeasure(
  name: string,
  found: (prediction: string) => string | null,
  right: (reference: string) => string | null,
  signature: Measure["signature"],
): Measure {
  const columns = columnsOf(3); // rows, matches, without an answer
  return {
    name,
    headline: "exact_match",
    row(references, prediction) {
      const answer = found(prediction);
      const matches = answer !== null && references.some((reference) => right(reference) === answer);
      return { columns, amounts: [1, matches ? 1 : 0, answer === null ? 1 : 0] };
    },
    values: (sums) => ({ exact_match: sums[1]! / sums[0]!, unreadable: sums[2]! / sums[0]! }),
    rowValues: ({ amounts }) => ({ exact_match: amounts[1]! }),
    signature,
  };
}

/** Share of predictions whose last number is the reference's, 0 to 1. */
export const finalAnswerMeasure = ({ style = "flexible" }: FinalAnswerOptions = {}): Measure =>
  foundAnswerMeasure(
    "gsm8k",
    (prediction) => finalAnswer(prediction, style),
    referenceAnswer,
    (rows) => finalAnswerSignature(style, rows),
  );

/** Share of predictions that state the reference's answer behind `after`, 0 to 1; their reasons are not looked at. */
export const statedAnswerMeasure = ({ after = ANSWER_AFTER }: { after?: string } = {}): Measure =>
  foundAnswerMeasure(
    "stated_answer",
    (prediction) => statedAnswer(prediction, after),
    (reference) => statedReference(reference, after),
    (rows) => statedAnswerSignature(after, rows),
  );

export interface ClassMeasureOptions extends ClassificationOptions<string> {
  /** Reads the class out of a prediction; as it stands, without white space around it, if left out. */
  labelOf?: (prediction: string) => string;
  /** The class of predictions that name none; told of among the details. */
  unparsed?: string;
  /** How labelOf reads, for the signature. */
  reading?: string;
}

/** Accuracy, F1 and the rest of scikit-learn's values, 0 to 1. A column is a cell of the confusion matrix. */
export function classificationMeasure({
  labelOf = (text) => text.trim(),
  unparsed,
  reading = "trimmed",
  ...options
}: ClassMeasureOptions = {}): Measure {
  const columnOf = new Map<string, number>();
  const cells: { label: string; guess: string }[] = [];
  const one = [1];
  const of = (sums: ArrayLike<number>) => {
    const counted = cells.flatMap((cell, k): ConfusionCell<string>[] => (sums[k]! > 0 ? [{ ...cell, count: sums[k]! }] : []));
    return classificationOfCells(counted, options);
  };
  return {
    name: "classification",
    headline: "accuracy",
    row(references, prediction) {
      const cell = { label: references[0]!.trim(), guess: labelOf(prediction) };
      const key = JSON.stringify(cell);
      const column = columnOf.get(key) ?? cells.push(cell) - 1;
      columnOf.set(key, column);
      return { columns: [column], amounts: one };
    },
    values(sums) {
      const { accuracy, macro, micro, weighted, matthews } = of(sums);
      return {
        accuracy,
        f1_macro: macro.f1,
        f1_micro: micro.f1,
        f1_weighted: weighted.f1,
        precision_macro: macro.precision,
        recall_macro: macro.recall,
        matthews,
      };
    },
    rowValues: ({ columns: [column] }) => ({ correct: cells[column!]!.label === cells[column!]!.guess ? 1 : 0 }),
    signature(rows) {
      const labels = options.labels ? "given" : "all";
      return `classification|read:${reading}|labels:${labels}|zero_division:${options.zeroDivision ?? 0}|rows:${rows}|like:scikit-learn`;
    },
    details(sums) {
      const { labels, confusion, perClass } = of(sums);
      const lost = cells.reduce((sum, { guess }, k) => sum + (guess === unparsed ? (sums[k] ?? 0) : 0), 0);
      return { labels, confusion, perClass, ...(unparsed === undefined ? {} : { unparsed: lost }) };
    },
  };
}
