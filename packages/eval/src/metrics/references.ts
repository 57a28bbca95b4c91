// Rows with one reference or several, for metrics that take both.

import { dataError } from "./pairs.js";

/** The text, or all the texts, that are right for one prediction. */
export type References = string | readonly string[];

export function listOf(references: References, metric: string): readonly string[] {
  const list = typeof references === "string" ? [references] : references;
  if (list.length === 0) throw dataError(`${metric}: a prediction has no reference; it needs at least one`);
  return list;
}

/** How many references a row has: "1", or `unequal` where the rows differ. */
export function referenceCount(rows: readonly References[], unequal: (fewest: number, most: number) => string): string {
  let fewest = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const row of rows) {
    const count = typeof row === "string" ? 1 : row.length;
    fewest = Math.min(fewest, count);
    most = Math.max(most, count);
  }
  return fewest === most ? `${most}` : unequal(fewest, most);
}
