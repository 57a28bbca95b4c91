// What a row that cannot be used does to a run: refuse it, or skip it and count, up to a share that no longer looks like an accident.

import { dataError } from "@attune/models";

export interface BadRowOptions {
  /** What a row that cannot be read does. "skip" still fails where more than 1 % of the rows are bad. Default "refuse". */
  onBadRow?: "refuse" | "skip";
  /** Told about every row that is skipped. */
  onSkip?: (error: Error) => void;
}

const MAX_BAD_SHARE = 0.01;

/** Counts the rows of one file. */
export interface BadRows {
  kept(): void;
  /** Throws the error, or counts it. */
  bad(error: unknown): void;
  /** At the file's end. Throws (data) above 1 % of bad rows and where there was none at all. */
  finish(expected: string): void;
}

export function badRows(file: string, { onBadRow = "refuse", onSkip = () => {} }: BadRowOptions): BadRows {
  let kept = 0;
  let bad = 0;
  let first: Error | undefined;
  return {
    kept() {
      kept++;
    },
    bad(error) {
      if (onBadRow === "refuse" || (error as { exitClass?: string }).exitClass !== "data") throw error;
      bad++;
      first ??= error as Error;
      onSkip(error as Error);
    },
    finish(expected) {
      if (bad > MAX_BAD_SHARE * (kept + bad))
        throw dataError(`${file}: ${bad} of ${kept + bad} rows are bad, more than 1 %; the first: ${first!.message}`, first);
      if (kept === 0) throw dataError(`${file}: has no rows; expected ${expected}`);
    },
  };
}
