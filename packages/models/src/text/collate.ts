// Token ids to the model's input: a Batch, padded to a length that a captured program exists for.
// Shapes: inputIds and attentionMask [rows, source], labels [rows, target], row-major.

import type { TokenizedExample } from "./example.js";

/** Labels with this value do not count. */
export const IGNORE_INDEX = -100;

export interface Batch {
  /** [rows, source]; padding is padId. */
  inputIds: Int32Array;
  /** [rows, source], 1 for tokens, 0 for padding. */
  attentionMask: Int32Array;
  /** [rows, target]; padding is -100. */
  labels: Int32Array;
  rows: number;
  source: number;
  target: number;
  /** Labels that count. The loss of an update is divided by the sum of these over its batches. */
  targetTokens: number;
  /** Rows that hold an example; the others, last, weigh nothing. */
  realRows: number;
  /** [rows, source], the number of the packed sequence each position belongs to; absent where a row is one sequence. */
  segments?: Int32Array;
}

/**
 * Lengths to pad to: multiples of 8, each at most 1.25 times the one before (below 32 the step is 8), the last not below `max`.
 * Few lengths mean few programs to capture, and near ones little padding.
 */
export function lengthLadder(max: number): number[] {
  const top = Math.ceil(Math.max(max, 1) / 8) * 8;
  const ladder: number[] = [];
  for (let length = 8; length < top; length += Math.max(8, Math.floor((length * 0.25) / 8) * 8)) ladder.push(length);
  ladder.push(top);
  return ladder;
}

/** The first rung of a ladder that holds `length`. Throws a RangeError beyond the last. */
export function bucketLength(length: number, ladder: readonly number[]): number {
  const rung = ladder.find((n) => n >= length);
  if (rung === undefined) throw new RangeError(`bucketLength: ${length} is longer than the longest bucket, ${ladder.at(-1)}`);
  return rung;
}

export interface BatchShape {
  rows: number;
  source: number;
  target: number;
}

/**
 * Pads examples to a Batch of exactly this shape. Missing rows are filled with rows of padding that have no labels; their first position
 * stays visible, since a softmax over nothing has no value. Throws a RangeError for too many or too long examples.
 */
export function collate(examples: readonly TokenizedExample[], { rows, source, target }: BatchShape, padId: number): Batch {
  if (examples.length > rows) throw new RangeError(`collate: ${examples.length} examples do not fit ${rows} rows`);
  const inputIds = new Int32Array(rows * source).fill(padId);
  const attentionMask = new Int32Array(rows * source);
  const labels = new Int32Array(rows * target).fill(IGNORE_INDEX);
  let targetTokens = 0;
  examples.forEach((example, row) => {
    if (example.inputIds.length > source || example.labels.length > target) {
      const lengths = `[${example.inputIds.length}, ${example.labels.length}]`;
      throw new RangeError(`collate: ${example.id} of lengths ${lengths} does not fit the bucket [${source}, ${target}]`);
    }
    inputIds.set(example.inputIds, row * source);
    attentionMask.fill(1, row * source, row * source + Math.max(1, example.inputIds.length));
    labels.set(example.labels, row * target);
    for (const label of example.labels) if (label !== IGNORE_INDEX) targetTokens++;
  });
  for (let row = examples.length; row < rows; row++) attentionMask[row * source] = 1;
  return { inputIds, attentionMask, labels, rows, source, target, targetTokens, realRows: examples.length };
}
