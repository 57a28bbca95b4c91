// How far a mean over rows may be off: the percentile bootstrap (B. Efron, "Bootstrap methods", Annals of Statistics 7(1),
// 1979). Rows are drawn with replacement, as many as there are, and averaged; 1,000 such means give the interval. With
// numpy's legacy generator (random.ts), so that rougeIntervals equals rouge_score's BootstrapAggregator digit for digit.

import { type Draws, numpyDraws } from "./random.js";
import { type CorpusRouge, ROUGE_TYPES, type RougeType, type RougeValue } from "./rouge.js";

export interface BootstrapOptions {
  /** How many means are drawn; 1,000. */
  samples?: number;
  /** Share of the means that lie in the interval; 0.95. */
  confidence?: number;
  /** As in np.random.seed(seed); 17. */
  seed?: number;
}

export interface Interval {
  low: number;
  /** Median of the drawn means: near the mean of the rows, and not the same. */
  mid: number;
  high: number;
}

/** Interval of the mean of `values`. */
export function bootstrapMean(values: ArrayLike<number>, options: BootstrapOptions = {}): Interval {
  return bootstrapColumns([values], options, numpyDraws(options.seed ?? 17))[0]!;
}

/** Intervals of all values of a ROUGE result, drawn in rouge_score's order: type by type, whole rows at a time. */
export function rougeIntervals(
  corpus: Pick<CorpusRouge, "rows">,
  options: BootstrapOptions = {},
): Record<RougeType, Record<keyof RougeValue, Interval>> {
  const draws = numpyDraws(options.seed ?? 17);
  const entries = ROUGE_TYPES.map((type) => {
    const { precision, recall, fmeasure } = corpus.rows[type];
    const [p, r, f] = bootstrapColumns([precision, recall, fmeasure], options, draws);
    return [type, { precision: p!, recall: r!, fmeasure: f! }] as const;
  });
  return Object.fromEntries(entries) as Record<RougeType, Record<keyof RougeValue, Interval>>;
}

/** What an interval is, for the line under a table. */
export function bootstrapSignature({ samples = 1000, confidence = 0.95, seed = 17 }: BootstrapOptions = {}): string {
  return `bootstrap|percentile|conf:${confidence}|samples:${samples}|rng:numpy-legacy|seed:${seed}`;
}

/** One interval for each column; a drawn row counts in all of them. */
function bootstrapColumns(
  columns: readonly ArrayLike<number>[],
  { samples = 1000, confidence = 0.95 }: BootstrapOptions,
  draws: Draws,
): Interval[] {
  if (!Number.isInteger(samples) || samples < 1) throw new RangeError(`bootstrap: samples must be 1 or more, found ${samples}`);
  checkConfidence(confidence);
  const rows = columns[0]!.length;
  const means = columns.map(() => new Float64Array(samples)); // [columns][samples]
  const drawn = new Uint32Array(rows);
  for (let sample = 0; sample < samples; sample++) {
    for (let i = 0; i < rows; i++) drawn[i] = draws.below(rows);
    columns.forEach((column, c) => {
      let sum = 0;
      for (let i = 0; i < rows; i++) sum += column[drawn[i]!]!;
      means[c]![sample] = sum / rows;
    });
  }
  return means.map((column) => percentiles(column, confidence));
}

/** The middle share of resampled values. The array is sorted in place. */
export function percentiles(values: Float64Array, confidence: number): Interval {
  checkConfidence(confidence);
  const tail = (1 - confidence) / 2;
  values.sort();
  return { low: quantile(values, tail), mid: quantile(values, 0.5), high: quantile(values, 1 - tail) };
}

function checkConfidence(confidence: number): void {
  if (!(confidence > 0 && confidence < 1)) {
    throw new RangeError(`bootstrap: confidence must lie between 0 and 1, found ${confidence}`);
  }
}

/** Linear between the two nearest of the sorted values: numpy's default. NaN among them makes it NaN. */
function quantile(sorted: Float64Array, share: number): number {
  if (Number.isNaN(sorted.at(-1))) return Number.NaN; // sorted to the end
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}
