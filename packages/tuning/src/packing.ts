// Packing: several short sequences in one row of a fixed length, so that few positions are padding. Which row a sequence stands in is
// decided by best-fit-decreasing bin packing (as trl's "bfd" strategy), the longest first, each where the least room is left.
import { randperm } from "@attune/models";

export interface Packing {
  /** Sequences by index, row by row. */
  rows: number[][];
  /** Ids in each row. */
  lengths: number[];
}

/**
 * Packs sequences of these lengths into rows of at most `capacity`. Among sequences of one length the seed decides, so each epoch packs others
 * together; the rows' lengths, and how many there are, do not depend on it.
 * @throws RangeError for a sequence that no row holds
 */
export function packSequences(lengths: readonly number[], capacity: number, seed: number): Packing {
  const order = [...randperm(lengths.length, seed)].sort((a, b) => lengths[b]! - lengths[a]!); // stable: the shuffle stays within a length
  const rows: number[][] = [];
  const filled: number[] = [];
  /** Rows by the room that they have left. */
  const byRoom: number[][] = Array.from({ length: capacity + 1 }, () => []);
  for (const index of order) {
    const length = lengths[index]!;
    if (length > capacity) throw new RangeError(`packSequences: a sequence of ${length} does not fit a row of ${capacity}`);
    let room = length;
    while (room <= capacity && byRoom[room]!.length === 0) room++;
    const row = room <= capacity ? byRoom[room]!.pop()! : rows.push([]) - 1;
    rows[row]!.push(index);
    filled[row] = (filled[row] ?? 0) + length;
    byRoom[capacity - filled[row]!]!.push(row);
  }
  return { rows, lengths: filled };
}
