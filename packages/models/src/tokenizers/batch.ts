// Rows of ids in one rectangle.

import { usageError } from "../errors.js";

export type Side = "left" | "right";

export interface PaddedIds {
  /** [rows, length], row-major */
  ids: Int32Array;
  /** [rows, length], 1 where there is a token */
  mask: Int32Array;
  rows: number;
  length: number;
}

/**
 * Pads rows to the longest, or to `length`. Encoder-decoder models and training take padding on the right; a decoder-only model that
 * generates, on the left. Throws (usage) for a row that is longer than `length`.
 */
export function padIds(
  rows: readonly (readonly number[])[],
  { padId, side = "right", length }: { padId: number; side?: Side; length?: number },
): PaddedIds {
  const longest = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const width = length ?? longest;
  if (longest > width) throw usageError(`padIds: a row has ${longest} ids, and the length asked for is ${width}`);
  const ids = new Int32Array(rows.length * width).fill(padId);
  const mask = new Int32Array(rows.length * width);
  rows.forEach((row, i) => {
    const at = i * width + (side === "left" ? width - row.length : 0);
    ids.set(row, at);
    mask.fill(1, at, at + row.length);
  });
  return { ids, mask, rows: rows.length, length: width };
}
