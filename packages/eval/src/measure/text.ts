// Measures of generated text: ROUGE, BLEU in both forms, chrF.

import { type BleuOptions, bleuOfSums, bleuSignature, bleuStatistics, bleuWidth } from "../metrics/bleu.js";
import { bootstrapSignature, rougeIntervals } from "../metrics/bootstrap.js";
import { type ChrfOptions, chrfOfSums, chrfSignature, chrfStatistics, chrfWidth } from "../metrics/chrf.js";
import { type NmtBleuOptions, nmtBleuOfSums, nmtBleuSignature, nmtBleuStatistics, nmtBleuWidth } from "../metrics/nmtBleu.js";
import {
  ROUGE_TYPES,
  type RougeColumns,
  type RougeOptions,
  type RougeType,
  rougeScorer,
  rougeSignature,
} from "../metrics/rouge.js";
import { columnsOf, type Measure, type RowStatistics } from "./measure.js";

/** Columns: rows, then precision, recall, f of each type. */
const ROUGE_COLUMNS = columnsOf(1 + 3 * ROUGE_TYPES.length);

/** F-measures, 0 to 1; precision and recall are among the details. */
export function rougeMeasure(options: RougeOptions = {}): Measure {
  const scorer = rougeScorer(options);
  const place = (type: RougeType): number => 1 + 3 * ROUGE_TYPES.indexOf(type);
  const means = (sums: ArrayLike<number>, part: number) =>
    Object.fromEntries(ROUGE_TYPES.map((type) => [type, sums[place(type) + part]! / sums[0]!]));
  const columnOf = (rows: readonly RowStatistics[], column: number) => Float64Array.from(rows, ({ amounts }) => amounts[column]!);
  return {
    name: "rouge",
    headline: "rougeL",
    row(references, prediction) {
      const scores = scorer.scoreMulti(references, prediction);
      const amounts = ROUGE_TYPES.flatMap((type) => [scores[type].precision, scores[type].recall, scores[type].fmeasure]);
      return { columns: ROUGE_COLUMNS, amounts: [1, ...amounts] };
    },
    values: (sums) => means(sums, 2),
    rowValues: ({ amounts }) => means(amounts, 2),
    signature: (rows, references) => rougeSignature(references, rows, options),
    details: (sums) => ({ precision: means(sums, 0), recall: means(sums, 1) }),
    // rouge_score's BootstrapAggregator draws anew for each type, from numpy's legacy generator
    intervals(rows, bootstrap) {
      const columns = (type: RougeType): RougeColumns => ({
        precision: columnOf(rows, place(type)),
        recall: columnOf(rows, place(type) + 1),
        fmeasure: columnOf(rows, place(type) + 2),
      });
      const byType = Object.fromEntries(ROUGE_TYPES.map((type) => [type, columns(type)])) as Record<RougeType, RougeColumns>;
      const found = rougeIntervals({ rows: byType }, bootstrap);
      return {
        intervals: Object.fromEntries(ROUGE_TYPES.map((type) => [type, found[type].fmeasure])),
        signature: bootstrapSignature(bootstrap),
      };
    },
  };
}

/** sacreBLEU's BLEU, 0 to 100. */
export function sacrebleuMeasure(options: BleuOptions = {}): Measure {
  const columns = columnsOf(bleuWidth(options));
  return {
    name: "sacrebleu",
    headline: "bleu",
    row: (references, prediction) => ({ columns, amounts: bleuStatistics(references, prediction, options) }),
    values: (sums) => ({ bleu: bleuOfSums(first(sums, columns), options).score }),
    rowValues: ({ amounts }) => ({ bleu: bleuOfSums(amounts, { effectiveOrder: true, ...options }).score }),
    signature: (_, references) => bleuSignature(varying(references), options),
    details: (sums) => bleuOfSums(first(sums, columns), options),
  };
}

/** BLEU as evaluate's `bleu` prints it, 0 to 1. */
export function nmtBleuMeasure(options: NmtBleuOptions = {}): Measure {
  const columns = columnsOf(nmtBleuWidth(options));
  return {
    name: "bleu",
    headline: "bleu",
    row: (references, prediction) => ({ columns, amounts: nmtBleuStatistics(references, prediction, options) }),
    values: (sums) => ({ bleu: nmtBleuOfSums(first(sums, columns), options).bleu }),
    rowValues: ({ amounts }) => ({ bleu: nmtBleuOfSums(amounts, options).bleu }),
    signature: (_, references) => nmtBleuSignature(varying(references), options),
    details: (sums) => nmtBleuOfSums(first(sums, columns), options),
  };
}

/** chrF and chrF++, 0 to 100. */
export function chrfMeasure(options: ChrfOptions = {}): Measure {
  const columns = columnsOf(chrfWidth(options));
  return {
    name: "chrf",
    headline: "chrf",
    row: (references, prediction) => ({ columns, amounts: chrfStatistics(references, prediction, options) }),
    values: (sums) => ({ chrf: chrfOfSums(first(sums, columns), options) }),
    rowValues: ({ amounts }) => ({ chrf: chrfOfSums(amounts, options) }),
    signature: (_, references) => chrfSignature(varying(references), options),
  };
}

function first(sums: ArrayLike<number>, columns: readonly number[]): number[] {
  return columns.map((k) => sums[k]!);
}

/** sacreBLEU's word for rows that differ. */
function varying(references: string): string {
  return references.includes("-") ? "var" : references;
}
