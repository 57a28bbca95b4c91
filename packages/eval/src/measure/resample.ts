// How sure a value is, and whether two systems differ, by drawing rows again:
//   intervals          percentile bootstrap (Efron 1979) of every value of a measure, corpus metrics too
//   pairedBootstrap    P. Koehn, "Statistical significance tests for machine translation evaluation", 2004, as sacreBLEU's --paired-bs
//   randomization      approximate randomisation (E. Noreen 1989; S. Riezler and J. Maxwell 2005), as sacreBLEU's --paired-ar
// The draws are numpy.random.default_rng(seed)'s in sacreBLEU's order, with its default seed: p-values are its digits.

import { type Interval, percentiles } from "../metrics/bootstrap.js";
import { numpyGenerator } from "../metrics/pcg64.js";
import { addRow, type Measure, type RowStatistics, widthOf } from "./measure.js";

export interface ResampleOptions {
  /** 1,000; for randomization 10,000. */
  samples?: number;
  /** Share of the resampled values that lie in an interval; 0.95. */
  confidence?: number;
  /** Of np.random.default_rng; 12345 as in sacreBLEU. */
  seed?: number;
}

export interface Uncertain {
  intervals: Record<string, Interval>;
  signature: string;
}

export interface Difference {
  /** System minus baseline, on all rows. */
  difference: number;
  /** Two-sided: how often chance alone gives a larger difference. */
  pValue: number;
  /** Bootstrap: interval of the difference, and the share of samples in which the system is strictly better. */
  low?: number;
  high?: number;
  wins?: number;
}

export interface Compared {
  differences: Record<string, Difference>;
  signature: string;
}

export const DEFAULT_SEED = 12345;

/** Intervals of all values of one system. */
export function intervals(measure: Measure, rows: readonly RowStatistics[], options: ResampleOptions = {}): Uncertain {
  const { samples = 1000, confidence = 0.95, seed = DEFAULT_SEED } = options;
  checkSamples(samples);
  if (measure.intervals) return measure.intervals(rows, { samples, confidence, seed });
  const [drawn] = drawnValues(measure, [rows], samples, seed);
  return {
    intervals: Object.fromEntries([...drawn!].map(([name, values]) => [name, percentiles(values, confidence)])),
    signature: `bootstrap|percentile|conf:${confidence}|samples:${samples}|rng:numpy-pcg64|seed:${seed}`,
  };
}

/** Baseline and system over the same rows, drawn together. Throws a RangeError for different numbers of rows. */
export function pairedBootstrap(
  measure: Measure,
  baseline: readonly RowStatistics[],
  system: readonly RowStatistics[],
  { samples = 1000, confidence = 0.95, seed = DEFAULT_SEED }: ResampleOptions = {},
): Compared {
  requireSameRows(baseline, system);
  checkSamples(samples);
  const [before, after] = drawnValues(measure, [baseline, system], samples, seed);
  const differences = realDifferences(measure, baseline, system);
  const results = Object.entries(differences).map(([name, difference]): [string, Difference] => {
    const drawn = after!.get(name)!.map((value, k) => value - before!.get(name)![k]!);
    const sizes = drawn.map(Math.abs);
    const mean = sizes.reduce((sum, size) => sum + size, 0) / samples;
    const larger = sizes.reduce((count, size) => count + (size - mean > Math.abs(difference) ? 1 : 0), 0);
    const wins = drawn.reduce((count, value) => count + (value > 0 ? 1 : 0), 0) / samples;
    const { low, high } = percentiles(drawn, confidence);
    return [name, { difference, pValue: pOf(larger, samples, drawn), low, high, wins }];
  });
  return {
    differences: Object.fromEntries(results),
    signature: `paired-bootstrap|two-sided|conf:${confidence}|samples:${samples}|rng:numpy-pcg64|seed:${seed}|like:sacrebleu-bs`,
  };
}

/** Swaps the outputs of the two systems row by row at random: what difference would there be if the systems were the same? */
export function randomization(
  measure: Measure,
  baseline: readonly RowStatistics[],
  system: readonly RowStatistics[],
  { samples = 10_000, seed = DEFAULT_SEED }: ResampleOptions = {},
): Compared {
  requireSameRows(baseline, system);
  checkSamples(samples);
  const width = Math.max(widthOf(baseline), widthOf(system));
  const random = numpyGenerator(seed);
  const differences = realDifferences(measure, baseline, system);
  const larger = Object.fromEntries(Object.keys(differences).map((name) => [name, 0]));
  const unknown = new Set<string>();
  for (let sample = 0; sample < samples; sample++) {
    const [a, b] = [new Float64Array(width), new Float64Array(width)];
    for (let row = 0; row < baseline.length; row++) {
      const keeps = random.coin();
      addRow(keeps ? a : b, baseline[row]!);
      addRow(keeps ? b : a, system[row]!);
    }
    const [valuesA, valuesB] = [measure.values(a), measure.values(b)];
    for (const [name, difference] of Object.entries(differences)) {
      const size = Math.abs(valuesA[name]! - valuesB[name]!);
      if (Number.isNaN(size)) unknown.add(name);
      if (size > Math.abs(difference)) larger[name]!++;
    }
  }
  const results = Object.entries(differences).map(([name, difference]): [string, Difference] => {
    const pValue = unknown.has(name) || Number.isNaN(difference) ? Number.NaN : (larger[name]! + 1) / (samples + 1);
    return [name, { difference, pValue }];
  });
  return {
    differences: Object.fromEntries(results),
    signature: `approximate-randomization|two-sided|samples:${samples}|rng:numpy-pcg64|seed:${seed}|like:sacrebleu-ar`,
  };
}

/** [systems], name -> values [samples]; a sample draws the same rows of all systems. */
function drawnValues(
  measure: Measure,
  systems: readonly (readonly RowStatistics[])[],
  samples: number,
  seed: number,
): Map<string, Float64Array>[] {
  const rows = systems[0]!.length;
  const width = Math.max(...systems.map(widthOf));
  const random = numpyGenerator(seed);
  const drawn = new Uint32Array(rows);
  const found = systems.map(() => new Map<string, Float64Array>());
  for (let sample = 0; sample < samples; sample++) {
    for (let i = 0; i < rows; i++) drawn[i] = random.below(rows);
    systems.forEach((system, k) => {
      const sums = new Float64Array(width);
      for (let i = 0; i < rows; i++) addRow(sums, system[drawn[i]!]!);
      for (const [name, value] of Object.entries(measure.values(sums))) {
        if (sample === 0) found[k]!.set(name, new Float64Array(samples));
        found[k]!.get(name)![sample] = value;
      }
    });
  }
  return found;
}

function realDifferences(
  measure: Measure,
  baseline: readonly RowStatistics[],
  system: readonly RowStatistics[],
): Record<string, number> {
  const valuesOf = (rows: readonly RowStatistics[]) => measure.values(rows.reduce(addRow, new Float64Array(widthOf(rows))));
  const [before, after] = [valuesOf(baseline), valuesOf(system)];
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - before[name]!]));
}

/** With the 1s a system never differs from itself by chance of 0 (J. Clark et al., multeval, 2011). */
function pOf(larger: number, samples: number, drawn: Float64Array): number {
  return drawn.some(Number.isNaN) ? Number.NaN : (larger + 1) / (samples + 1);
}

function requireSameRows(baseline: readonly unknown[], system: readonly unknown[]): void {
  if (baseline.length !== system.length || baseline.length === 0) {
    throw new RangeError(`a paired test needs the same rows of both systems, found ${baseline.length} and ${system.length}`);
  }
}

function checkSamples(samples: number): void {
  if (!Number.isInteger(samples) || samples < 1) throw new RangeError(`samples must be 1 or more, found ${samples}`);
}
