// What a row that cannot be used does to a run: refuse it, or skip it and count, up to a share that no longer looks like an accident.

import { dataError } from "@attune/models";

export interface BadRowOptions {
  /** What a row that cannot be read does. "skip" still fails where more than 1 % of the rows are bad. Default "refuse". */
  onBadRow?: "refuse" | "skip";
  /** Told about every row that is skipped. */
  onSkip?: (error: Error) => void;
  /** The count of all stages that rows go through, where this is one of several: it decides in place of the two above. */
  tally?: BadRows;
}

const MAX_BAD_SHARE = 0.01;

/** Counts the rows of one file or set. */
export interface BadRows {
  kept(): void;
  /** Throws the error, or counts it. */
  bad(error: unknown): void;
  /**
   * At the end. Throws (data) above 1 % of bad rows and where there was none at all; as a stage of several only where the file has no
   * rows, good or bad.
   */
  finish(expected: string): SkippedRows;
}

/** Rows that were left out of `rows`, and why the first one was. */
export interface SkippedRows {
  bad: number;
  rows: number;
  first: Error | undefined;
}

export function badRows(file: string, { onBadRow = "refuse", onSkip = () => {}, tally }: BadRowOptions): BadRows {
  let kept = 0;
  let bad = 0;
  let first: Error | undefined;
  return {
    kept() {
      kept++;
    },
    bad(error) {
      if (tally) tally.bad(error);
      else if (onBadRow === "refuse" || (error as { exitClass?: string }).exitClass !== "data") throw error;
      else onSkip(error as Error);
      bad++;
      first ??= error as Error;
    },
    finish(expected) {
      const rows = kept + bad;
      if (!tally && bad > MAX_BAD_SHARE * rows)
        throw dataError(`${file}: ${bad} of ${rows} rows are bad, more than 1 %; the first: ${first!.message}`, first);
      if (tally ? rows === 0 : kept === 0) throw dataError(`${file}: has no rows; expected ${expected}`);
      return { bad, rows, first };
    },
  };
}
