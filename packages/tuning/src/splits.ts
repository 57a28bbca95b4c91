// Training and validation from one set: a share of the rows by seed, of each label alike if asked, and never the same text on both sides.

import { type Example, usageError, withoutMarks } from "@attune/models";
import { numpyRandom } from "./numpyRandom.js";

export interface SplitOptions {
  /** Share of the rows, above 0 and below 1. */
  validation: number;
  seed: number;
  /** A field of the examples: its values are shared out alike. */
  stratify?: string;
}

export interface Split {
  /** Indices of the examples, in file order where the split is stratified or has duplicates, else in datasets' order. */
  train: number[];
  validation: number[];
  /** Examples that repeat an earlier one's prompt: they stand on its side. */
  duplicates: number;
}

/** What makes two examples the same question: the prompt, whatever its blanks and case. */
export function promptKey({ prompt }: Pick<Example, "prompt">): string {
  return withoutMarks(prompt).trim().replace(/\s+/g, " ").toLowerCase();
}

/**
 * Without duplicates and labels the rows are those of datasets.train_test_split(test_size, seed): the first ceil(n * share) of numpy's
 * permutation are the validation set. Examples with the same prompt (even with other answers) count once and stay together. Stratified: of
 * each label its share, rounded by largest remainders. Throws (usage) where one side would be empty.
 */
export function splitExamples(examples: readonly Example[], { validation: share, seed, stratify }: SplitOptions): Split {
  if (!(share > 0 && share < 1)) throw usageError(`a split's validation is ${share}; expected a share above 0 and below 1`);
  const groups = new Map<string, number[]>(); // by prompt: the indices of its examples
  for (const [i, example] of examples.entries()) {
    const key = promptKey(example);
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  }
  const units = [...groups.values()];
  const random = numpyRandom(seed);
  const order = [...random.permutation(units.length)];
  const count = Math.ceil(units.length * share);
  if (count >= units.length)
    throw usageError(
      `${units.length} different examples cannot be split: a validation share of ${share} leaves none to train on`,
    );
  const chosen = new Set(
    stratify === undefined ? order.slice(0, count) : stratified(examples, units, order, share, count, stratify),
  );
  const indices = (isValidation: boolean) =>
    order.filter((unit) => chosen.has(unit) === isValidation).flatMap((unit) => units[unit]!);
  return { train: indices(false), validation: indices(true), duplicates: examples.length - units.length };
}

function stratified(
  examples: readonly Example[],
  units: readonly number[][],
  order: readonly number[],
  share: number,
  count: number,
  field: string,
): number[] {
  const classes = new Map<string, number[]>();
  for (const unit of order) {
    const example = examples[units[unit]![0]!]!;
    const label = Object.hasOwn(example.fields, field) ? example.fields[field] : undefined;
    if (label === undefined) throw usageError(`a split cannot be stratified by "${field}": ${example.id} has no such text field`);
    classes.set(label, [...(classes.get(label) ?? []), unit]);
  }
  const exact = [...classes].map(([label, members]) => ({ label, members, quota: members.length * share }));
  const taken = new Map(exact.map(({ label, quota }) => [label, Math.floor(quota)]));
  const rest = count - [...taken.values()].reduce((sum, n) => sum + n, 0);
  const byRemainder = exact.sort((a, b) => (b.quota % 1) - (a.quota % 1) || (a.label < b.label ? -1 : 1));
  for (const { label, members } of byRemainder.slice(0, Math.max(rest, 0)))
    if (taken.get(label)! < members.length) taken.set(label, taken.get(label)! + 1);
  return [...classes].flatMap(([label, members]) => members.slice(0, taken.get(label)));
}

/** How many of `validation` have a prompt that `train` has, too. */
export function countOverlap(train: Iterable<Example>, validation: Iterable<Example>): number {
  const seen = new Set<string>();
  for (const example of train) seen.add(promptKey(example));
  let overlap = 0;
  for (const example of validation) if (seen.has(promptKey(example))) overlap++;
  return overlap;
}
