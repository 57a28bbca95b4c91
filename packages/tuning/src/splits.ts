// Training and validation from the same rows: a share of them by seed, of each label alike if asked, and never the same question (or
// conversation, or paragraph) on both sides, whichever of the sets of a mixture it stands in.

import { type Example, usageError } from "@attune/models";
import { numpyRandom } from "./numpyRandom.js";
import { promptKey } from "./questions.js";

export interface SplitOptions {
  /** Share of the rows, above 0 and below 1. */
  validation: number;
  seed: number;
  /** A field of the examples: its values are shared out alike. */
  stratify?: string;
  /** What makes two examples the same question. Default promptKey. */
  keyOf?: (example: Example) => string;
  /** Examples of the same group stay on one side; undefined: an example that belongs to none. */
  groupOf?: (example: Example) => string | undefined;
}

export interface Split {
  /** Indices of the examples, in datasets' order; those that stay together follow one another. */
  train: number[];
  validation: number[];
  /** Examples that repeat a question of the same set: they stand on the side of the first. */
  duplicates: number;
  /** Examples whose question is in an earlier set, too: they stand on its side. */
  shared: number;
  /** What was drawn from: groups of examples that stay together. */
  units: number;
}

/** The split of a single set; see splitSets. */
export function splitExamples(examples: readonly Example[], options: SplitOptions): Split {
  return splitSets([examples], options)[0]!;
}

/**
 * Of each set its share. Where no question repeats and nothing is grouped, a set's rows are those of datasets.train_test_split(test_size,
 * seed): the first ceil(n * share) of numpy's permutation are the validation set. Examples of one question (even with other answers) or of
 * one group count once and stay together; what a later set has of an earlier one stands where the earlier one has it, and counts in its
 * share. Stratified: of each label its share, rounded by largest remainders. Throws (usage) where nothing is left to train on.
 */
export function splitSets(sets: readonly (readonly Example[])[], options: SplitOptions): Split[] {
  const { validation: share } = options;
  if (!(share > 0 && share < 1)) throw usageError(`a split's validation is ${share}; expected a share above 0 and below 1`);
  const { unitOf, questionOf } = unitsOf(sets.flat(), options);
  const isHeld = new Map<number, boolean>(); // by unit, of the sets before
  let begin = 0;
  return sets.map((examples) => {
    const split = splitSet(examples, options, unitOf.subarray(begin), isHeld);
    const questions = questionOf.subarray(begin, begin + examples.length);
    const distinct = new Set(questions).size;
    const shared = questions.reduce((count, first) => count + (first < begin ? 1 : 0), 0);
    begin += examples.length;
    return { ...split, duplicates: examples.length - distinct, shared };
  });
}

/** @param unitOf of each example. Adds the set's own units to `isHeld`. */
function splitSet(
  examples: readonly Example[],
  { validation: share, seed, stratify }: SplitOptions,
  unitOf: Int32Array,
  isHeld: Map<number, boolean>,
): Pick<Split, "train" | "validation" | "units"> {
  const members = new Map<number, number[]>();
  for (let i = 0; i < examples.length; i++) {
    const group = members.get(unitOf[i]!);
    if (group) group.push(i);
    else members.set(unitOf[i]!, [i]);
  }
  const units = [...members.keys()];
  const order = [...numpyRandom(seed).permutation(units.length)].map((i) => units[i]!);
  const count = Math.ceil(units.length * share);
  // what is held already comes first, what is trained on never
  const choice = (among: readonly number[]) => [
    ...among.filter((unit) => isHeld.get(unit) === true),
    ...among.filter((unit) => !isHeld.has(unit)),
  ];
  const taken = (among: readonly number[], wanted: number): number[] => {
    const held = among.reduce((sum, unit) => sum + (isHeld.get(unit) === true ? 1 : 0), 0);
    return choice(among).slice(0, Math.max(wanted, held));
  };
  const classOf = (unit: number) => labelOf(examples[members.get(unit)![0]!]!, stratify!);
  const chosen = new Set(stratify === undefined ? taken(order, count) : stratified(order, classOf, share, count, taken));
  if (chosen.size >= units.length)
    throw usageError(
      `${units.length} different examples cannot be split: a validation share of ${share} leaves none to train on`,
    );
  for (const unit of units) isHeld.set(unit, chosen.has(unit));
  const indices = (held: boolean) => order.filter((unit) => chosen.has(unit) === held).flatMap((unit) => members.get(unit)!);
  return { train: indices(false), validation: indices(true), units: units.length };
}

/** @returns of each class the units that `taken` gives for its number */
function stratified(
  order: readonly number[],
  classOf: (unit: number) => string,
  share: number,
  count: number,
  taken: (among: readonly number[], wanted: number) => number[],
): number[] {
  const classes = new Map<string, number[]>();
  for (const unit of order) {
    const label = classOf(unit);
    const members = classes.get(label);
    if (members) members.push(unit);
    else classes.set(label, [unit]);
  }
  const exact = [...classes].map(([label, members]) => ({ label, members, quota: members.length * share }));
  const wanted = new Map(exact.map(({ label, quota }) => [label, Math.floor(quota)]));
  const rest = count - [...wanted.values()].reduce((sum, n) => sum + n, 0);
  const byRemainder = exact.sort((a, b) => (b.quota % 1) - (a.quota % 1) || (a.label < b.label ? -1 : 1));
  for (const { label, members } of byRemainder.slice(0, Math.max(rest, 0)))
    if (wanted.get(label)! < members.length) wanted.set(label, wanted.get(label)! + 1);
  return [...classes].flatMap(([label, members]) => taken(members, wanted.get(label)!));
}

function labelOf(example: Example, field: string): string {
  const label = Object.hasOwn(example.fields, field) ? example.fields[field] : undefined;
  if (label === undefined) throw usageError(`a split cannot be stratified by "${field}": ${example.id} has no such text field`);
  return label;
}

/**
 * What stays together: examples joined by equal questions and by equal groups, also over several steps (union and find).
 * @returns of each example the first one of its unit, and the first one with its question
 */
function unitsOf(
  examples: readonly Example[],
  { keyOf = promptKey, groupOf }: SplitOptions,
): { unitOf: Int32Array; questionOf: Int32Array } {
  const parent = Int32Array.from(examples, (_, i) => i);
  const questionOf = new Int32Array(examples.length);
  const rootOf = (index: number): number => {
    let at = index;
    while (parent[at] !== at) at = parent[at] = parent[parent[at]!]!;
    return at;
  };
  const join = (a: number, b: number): void => {
    const [x, y] = [rootOf(a), rootOf(b)];
    parent[Math.max(x, y)] = Math.min(x, y);
  };
  const [questions, groups] = [new Map<string, number>(), new Map<string, number>()];
  const firstOf = (map: Map<string, number>, key: string, index: number): number => {
    const first = map.get(key);
    if (first === undefined) map.set(key, index);
    return first ?? index;
  };
  for (const [i, example] of examples.entries()) {
    questionOf[i] = firstOf(questions, keyOf(example), i);
    join(i, questionOf[i]!);
    const group = groupOf?.(example);
    if (group !== undefined) join(i, firstOf(groups, group, i));
  }
  return { unitOf: Int32Array.from(examples, (_, i) => rootOf(i)), questionOf };
}

/** How many of `validation` ask a question that `train` has, too. */
export function countOverlap(
  train: Iterable<Example>,
  validation: readonly Example[],
  keyOf: (example: Example) => string = promptKey,
): number {
  if (validation.length === 0) return 0;
  const keys = validation.map(keyOf); // validation is the smaller of the two: training rows are only looked up
  const isTrained = new Map(keys.map((key) => [key, false]));
  for (const example of train) {
    const key = keyOf(example);
    if (isTrained.has(key)) isTrained.set(key, true);
  }
  return keys.filter((key) => isTrained.get(key)).length;
}
