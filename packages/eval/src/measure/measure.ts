// A metric as sums over rows: each row becomes a few numbers, and the values of a corpus follow from their sums. That is what lets one
// and the same metric run over millions of rows in constant memory, be resampled for intervals, and be shuffled between two systems.

import type { BootstrapOptions, Interval } from "../metrics/bootstrap.js";
import { dataError } from "../metrics/pairs.js";

/** What a row adds: amounts[k] to the sum number columns[k]. */
export interface RowStatistics {
  readonly columns: readonly number[];
  readonly amounts: readonly number[];
}

export interface Measure {
  readonly name: string;
  /** Of `values`, the one that people quote. */
  readonly headline: string;
  row(references: readonly string[], prediction: string): RowStatistics;
  /** Corpus values from the sums; those beyond the last column that a row touched are missing, and 0. */
  values(sums: ArrayLike<number>): Record<string, number>;
  /** Scores of one row by itself, for records of examples; corpus metrics give what the row would score alone. */
  rowValues(row: RowStatistics): Record<string, number>;
  /** @param references a row: "1", or "1-3" where rows differ */
  signature(rows: number, references: string): string;
  /** What does not fit a table: precisions, classes, the confusion matrix. */
  details?(sums: ArrayLike<number>): Record<string, unknown>;
  /** Intervals as the reference implementation draws them, where that is not how intervals.ts does. */
  intervals?(
    rows: readonly RowStatistics[],
    options: BootstrapOptions,
  ): { intervals: Record<string, Interval>; signature: string };
  /** A row may have no reference at all. */
  readonly allowsNoReference?: boolean;
}

/** One system under one metric. */
export interface Scored {
  metric: string;
  headline: string;
  values: Record<string, number>;
  signature: string;
  rows: number;
  details: Record<string, unknown>;
}

/** Columns 0, 1, 2 ...: shared by all rows of measures whose rows touch every column. */
export function columnsOf(width: number): readonly number[] {
  return Array.from({ length: width }, (_, k) => k);
}

/** Runs one system's rows through a measure. Keeps the rows' statistics only if asked: intervals and significance need them. */
export class Tally {
  readonly kept: RowStatistics[] = [];
  #sums = new Float64Array(16);
  #rows = 0;
  #fewest = Number.POSITIVE_INFINITY;
  #most = 0;

  constructor(
    readonly measure: Measure,
    readonly keepsRows: boolean,
  ) {}

  get rows(): number {
    return this.#rows;
  }

  /** Throws (data) for a row without references, unless the measure knows what that means. */
  add(references: readonly string[], prediction: string): RowStatistics {
    const { measure } = this;
    if (references.length === 0 && !measure.allowsNoReference) {
      throw dataError(`${measure.name}: row ${this.#rows + 1} has no reference; it needs at least one`);
    }
    const row = measure.row(references, prediction);
    this.#sums = addRow(this.#sums, row);
    if (this.keepsRows) this.kept.push(row);
    this.#rows++;
    this.#fewest = Math.min(this.#fewest, references.length);
    this.#most = Math.max(this.#most, references.length);
    return row;
  }

  /** Throws (data) where no row was added. */
  result(): Scored {
    const { measure } = this;
    if (this.#rows === 0) throw dataError(`${measure.name}: 0 rows; a score needs at least one`);
    const references = this.#fewest === this.#most ? `${this.#most}` : `${this.#fewest}-${this.#most}`;
    return {
      metric: measure.name,
      headline: measure.headline,
      values: measure.values(this.#sums),
      signature: measure.signature(this.#rows, references),
      rows: this.#rows,
      details: measure.details?.(this.#sums) ?? {},
    };
  }
}

/** Adds a row in place; the array that comes back is a longer one where a new column needed it. */
export function addRow(sums: Float64Array<ArrayBuffer>, { columns, amounts }: RowStatistics): Float64Array<ArrayBuffer> {
  let into = sums;
  for (let k = 0; k < columns.length; k++) {
    const column = columns[k]!;
    if (column >= into.length) {
      const longer = new Float64Array(2 * (column + 1));
      longer.set(into);
      into = longer;
    }
    into[column]! += amounts[k]!;
  }
  return into;
}

/** One more than the highest column of any row. */
export function widthOf(rows: readonly RowStatistics[]): number {
  let width = 0;
  for (const { columns } of rows) for (const column of columns) width = Math.max(width, column + 1);
  return width;
}
