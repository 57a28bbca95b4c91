// Accuracy, precision, recall, F1, Matthews' correlation and the confusion matrix with scikit-learn's rules, for one label
// a row. With tp true positives, p predicted and t true ones of a class:
//   precision = tp / p    recall = tp / t    f1 = 2 tp / (p + t)    and zeroDivision where the divisor is 0
//   macro = mean over the classes; weighted = mean weighted by t; micro = the same ratios of the classes' sums
// An answer that is no known label is a class of its own here: give it as it is, or as "" - never leave it out.

import { dataError, requirePairs } from "./pairs.js";

export type Label = string | number;

export interface ClassificationOptions<L extends Label> {
  /** The classes that averages and matrix are about, in this order; all that occur, sorted, if left out. */
  labels?: readonly L[];
  /** What 0 / 0 is. NaN leaves the class out of the averages; scikit-learn's "warn" is 0. */
  zeroDivision?: 0 | 1 | typeof Number.NaN;
}

export interface ClassScores {
  precision: number;
  recall: number;
  f1: number;
}

export interface ClassificationResult<L extends Label> {
  labels: L[];
  /** Over all rows, whatever `labels` says; so is `matthews`. */
  accuracy: number;
  matthews: number;
  /** [true class][predicted class], counts. A row with a label outside `labels` is in no cell. */
  confusion: number[][];
  /** In the order of `labels`. F1 of a binary task is that of its positive class. */
  perClass: (ClassScores & { label: L; support: number })[];
  macro: ClassScores;
  micro: ClassScores;
  weighted: ClassScores;
  signature: string;
}

export function classification<L extends Label>(
  truth: readonly L[],
  predicted: readonly L[],
  options: ClassificationOptions<L> = {},
): ClassificationResult<L> {
  requirePairs("classification", truth, predicted);
  const present = sortedLabels([...truth, ...predicted]);
  const labels = options.labels ? [...options.labels] : present;
  if (labels.length === 0 || new Set(labels).size < labels.length) {
    throw dataError(`classification: labels must name at least one class and none twice, found [${labels.join(", ")}]`);
  }
  const zeroDivision = options.zeroDivision ?? 0;
  const all = [...new Set([...labels, ...present])]; // the classes asked for, then those that merely occur
  const counts = confusionCounts(truth, predicted, all);
  const trueCounts = counts.map(sum);
  const predictedCounts = all.map((_, k) => sum(counts.map((row) => row[k]!)));

  const ratios = (hits: number, predictions: number, support: number): ClassScores => ({
    precision: predictions > 0 ? hits / predictions : zeroDivision,
    recall: support > 0 ? hits / support : zeroDivision,
    f1: predictions + support > 0 ? (2 * hits) / (predictions + support) : zeroDivision,
  });
  const perClass = labels.map((label, k) => ({
    label,
    ...ratios(counts[k]![k]!, predictedCounts[k]!, trueCounts[k]!),
    support: trueCounts[k]!,
  }));
  const asked = (values: readonly number[]) => sum(values.slice(0, labels.length));
  const hits = all.map((_, k) => counts[k]![k]!);
  return {
    labels,
    accuracy: sum(hits) / truth.length,
    matthews: matthews(sum(hits), trueCounts, predictedCounts),
    confusion: labels.map((_, k) => counts[k]!.slice(0, labels.length)),
    perClass,
    macro: averaged(perClass, () => 1),
    micro: ratios(asked(hits), asked(predictedCounts), asked(trueCounts)),
    weighted: averaged(perClass, ({ support }) => support),
    signature:
      `classification|classes:${labels.length}|labels:${options.labels ? "given" : "all"}` +
      `|zero_division:${zeroDivision}|rows:${truth.length}|like:scikit-learn`,
  };
}

/** Numbers by size, texts by code units; the two do not mix, since nothing says how 1 compares to "1". */
function sortedLabels<L extends Label>(labels: readonly L[]): L[] {
  const distinct = [...new Set(labels)];
  if (new Set(distinct.map((label) => typeof label)).size > 1) {
    throw dataError("classification: labels are partly numbers and partly texts; make them all one or the other");
  }
  return distinct.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function confusionCounts<L extends Label>(truth: readonly L[], predicted: readonly L[], labels: readonly L[]): number[][] {
  const place = new Map(labels.map((label, k) => [label, k]));
  const counts = labels.map(() => new Array<number>(labels.length).fill(0)); // [true][predicted]
  truth.forEach((label, row) => {
    counts[place.get(label)!]![place.get(predicted[row]!)!]!++;
  });
  return counts;
}

/** Means of what is a number; where all weights are 0, unweighted. */
function averaged<T extends ClassScores>(classes: readonly T[], weightOf: (one: T) => number): ClassScores {
  const mean = (key: keyof ClassScores) => {
    const known = classes.filter((one) => !Number.isNaN(one[key]));
    const weights = known.map(weightOf);
    const total = sum(weights);
    if (total === 0) return sum(known.map((one) => one[key])) / known.length; // NaN where nothing is known
    return sum(known.map((one, k) => one[key] * weights[k]!)) / total;
  };
  return { precision: mean("precision"), recall: mean("recall"), f1: mean("f1") };
}

/** Correlation of truth and prediction over any number of classes (J. Gorodkin, 2004); 0 where either side never varies. */
function matthews(correct: number, trueCounts: readonly number[], predictedCounts: readonly number[]): number {
  const rows = sum(trueCounts);
  const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((value, k) => value * b[k]!));
  const together = correct * rows - dot(trueCounts, predictedCounts);
  const alone = (rows * rows - dot(trueCounts, trueCounts)) * (rows * rows - dot(predictedCounts, predictedCounts));
  return alone === 0 ? 0 : together / Math.sqrt(alone);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
