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
  const cells = new Map<L, Map<L, number>>();
  truth.forEach((label, row) => {
    const found = cells.get(label) ?? new Map<L, number>();
    cells.set(label, found.set(predicted[row]!, (found.get(predicted[row]!) ?? 0) + 1));
  });
  const counted = [...cells].flatMap(([label, found]) => [...found].map(([guess, count]) => ({ label, guess, count })));
  return classificationOfCells(counted, options);
}

/** One cell of a confusion matrix that is not 0: so many rows of class `label` were taken for `guess`. */
export interface ConfusionCell<L extends Label> {
  label: L;
  guess: L;
  count: number;
}

/** The same from a confusion matrix, each cell given at most once. */
export function classificationOfCells<L extends Label>(
  cells: readonly ConfusionCell<L>[],
  options: ClassificationOptions<L> = {},
): ClassificationResult<L> {
  const present = sortedLabels(cells.flatMap(({ label, guess }) => [label, guess]));
  const labels = options.labels ? [...options.labels] : present;
  if (labels.length === 0 || new Set(labels).size < labels.length) {
    throw dataError(`classification: labels must name at least one class and none twice, found [${labels.join(", ")}]`);
  }
  const zeroDivision = options.zeroDivision ?? 0;
  const all = [...new Set([...labels, ...present])]; // the classes asked for, then those that merely occur
  const place = new Map(all.map((label, k) => [label, k]));
  const hits = new Float64Array(all.length);
  const trueCounts = new Float64Array(all.length);
  const predictedCounts = new Float64Array(all.length);
  const confusion = labels.map(() => new Array<number>(labels.length).fill(0)); // [true][predicted]
  for (const { label, guess, count } of cells) {
    const [t, p] = [place.get(label)!, place.get(guess)!];
    trueCounts[t]! += count;
    predictedCounts[p]! += count;
    if (t === p) hits[t]! += count;
    if (t < labels.length && p < labels.length) confusion[t]![p]! += count;
  }

  const ratios = (found: number, predictions: number, support: number): ClassScores => ({
    precision: predictions > 0 ? found / predictions : zeroDivision,
    recall: support > 0 ? found / support : zeroDivision,
    f1: predictions + support > 0 ? (2 * found) / (predictions + support) : zeroDivision,
  });
  const perClass = labels.map((label, k) => ({
    label,
    ...ratios(hits[k]!, predictedCounts[k]!, trueCounts[k]!),
    support: trueCounts[k]!,
  }));
  const asked = (values: Float64Array) => sum(values.subarray(0, labels.length));
  const rows = sum(trueCounts);
  return {
    labels,
    accuracy: sum(hits) / rows,
    matthews: matthews(sum(hits), trueCounts, predictedCounts),
    confusion,
    perClass,
    macro: averaged(perClass, () => 1),
    micro: ratios(asked(hits), asked(predictedCounts), asked(trueCounts)),
    weighted: averaged(perClass, ({ support }) => support),
    signature:
      `classification|classes:${labels.length}|labels:${options.labels ? "given" : "all"}` +
      `|zero_division:${zeroDivision}|rows:${rows}|like:scikit-learn`,
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
function matthews(correct: number, trueCounts: Float64Array, predictedCounts: Float64Array): number {
  const rows = sum(trueCounts);
  const dot = (a: Float64Array, b: Float64Array) => sum(a.map((value, k) => value * b[k]!));
  const together = correct * rows - dot(trueCounts, predictedCounts);
  const alone = (rows * rows - dot(trueCounts, trueCounts)) * (rows * rows - dot(predictedCounts, predictedCounts));
  return alone === 0 ? 0 : together / Math.sqrt(alone);
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let k = 0; k < values.length; k++) total += values[k]!;
  return total;
}
