// Several decoder-only examples in one row, each of them a segment: attention stays within a segment, and positions start anew with it.

import { collateCausal } from "./causalLm.js";
import { type Batch, IGNORE_INDEX } from "./collate.js";
import type { TokenizedExample } from "./example.js";

export interface PackedExample extends TokenizedExample {
  /** Number of the sequence that each id belongs to, from 0. */
  segments: readonly number[];
  /** The examples in the row, in order. */
  ids: readonly string[];
}

/** One row of several examples. The first label of each does not count, as nothing comes before it. */
export function packExamples(examples: readonly TokenizedExample[]): PackedExample {
  return {
    id: examples.map(({ id }) => id).join(" + "),
    ids: examples.map(({ id }) => id),
    inputIds: examples.flatMap(({ inputIds }) => inputIds),
    labels: examples.flatMap(({ labels }) => [IGNORE_INDEX, ...labels.slice(1)]),
    segments: examples.flatMap(({ inputIds }, segment) => inputIds.map(() => segment)),
    isSourceCut: examples.some(({ isSourceCut }) => isSourceCut),
    isTargetCut: examples.some(({ isTargetCut }) => isTargetCut),
  };
}

/** Right-padded batch of packed rows; segments [rows, length] are -1 in the padding. */
export function collatePacked(
  examples: readonly PackedExample[],
  { rows, length }: { rows: number; length: number },
  padId: number,
): Batch {
  const batch = collateCausal(examples, { rows, length }, padId);
  const segments = new Int32Array(rows * length).fill(-1);
  examples.forEach((example, row) => {
    segments.set(example.segments, row * length);
  });
  return { ...batch, segments };
}
