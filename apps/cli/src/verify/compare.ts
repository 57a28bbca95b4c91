// How two sets of numbers are compared: by the bound's own formula, never by a helper that could hide a NaN.
import { listSome } from "@attune/models";

/** One compared part of a record: how many values, and the tensor that came closest to its bound or broke it. */
export interface Comparison {
  part: string;
  values: number;
  worst: { tensor: string; error: number; bound: number } | null;
  passed: boolean;
  /** Why a part failed that has no numbers to show. */
  reason?: string;
}

/** max|a-b| / max(1, max|b|); NaN if any value is. */
export function scaledMaxError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0;
  let largest = 1;
  for (let i = 0; i < b.length; i++) {
    const d = Math.abs(a[i]! - b[i]!);
    if (!(d <= difference)) difference = d; // a NaN stays
    largest = Math.max(largest, Math.abs(b[i]!));
    if (Number.isNaN(difference)) return Number.NaN;
  }
  return difference / largest;
}

/** ||a-b|| / ||b||, or against `globalNorm` where b is next to nothing beside it. */
export function normError(a: ArrayLike<number>, b: ArrayLike<number>, globalNorm: number): number {
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i]! - b[i]!) ** 2;
    norm += b[i]! ** 2;
  }
  const reference = Math.sqrt(norm);
  return Math.sqrt(difference) / (reference < 1e-6 * globalNorm ? globalNorm : reference);
}

export function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum);
}

/** Gathers the comparisons of one part. */
export class PartComparison {
  #values = 0;
  #worst: Comparison["worst"] = null;
  #failed = false;
  readonly #lacking: string[] = [];

  constructor(readonly part: string) {}

  add(tensor: string, count: number, error: number, bound: number): void {
    this.#values += count;
    const isWorse = this.#worst === null || !(share(error, bound) <= share(this.#worst.error, this.#worst.bound));
    if (isWorse && !Number.isNaN(this.#worst?.error ?? 0)) this.#worst = { tensor, error, bound };
    if (!(error <= bound)) this.#failed = true;
  }

  /** A tensor that is on one side only. */
  lacks(tensor: string): void {
    this.#failed = true;
    this.#lacking.push(tensor);
  }

  result(): Comparison {
    const { part } = this;
    if (this.#lacking.length > 0) {
      const reason = `not there to compare: ${listSome(this.#lacking, 3)}`;
      return { part, values: this.#values, worst: this.#worst, passed: false, reason };
    }
    if (this.#values === 0) return missing(part, "nothing to compare: the record lacks it");
    return { part, values: this.#values, worst: this.#worst, passed: !this.#failed };
  }
}

/** Of the bound; what must be equal has a bound of 0. */
function share(error: number, bound: number): number {
  return error === 0 ? 0 : error / bound;
}

/** A part that should be there and is not has failed. */
export function missing(part: string, reason: string): Comparison {
  return { part, values: 0, worst: null, passed: false, reason };
}
