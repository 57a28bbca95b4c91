// BLEU as the `bleu` of Hugging Face's evaluate prints it, 0 to 1: the arithmetic of TensorFlow's NMT tutorial (compute_bleu) over
// mteval-v13a words. It differs from sacreBLEU (bleu.ts): no smoothing unless asked for, the shortest reference gives the length, and
// one order without a match makes the score 0. White space at the end of a text stays, which matters to "-\n" alone.
//   brevity = 1 where predictions are longer than references, else exp(1 - reference length / prediction length)
// Where predictions or references have no words at all, evaluate divides by 0 and raises; here the score is 0 and the ratio says why.

import { tokens13a } from "./bleu.js";
import { Ngrams, Numbering, ngramTotals } from "./ngrams.js";
import { requirePairs } from "./pairs.js";
import { listOf, type References, referenceCount } from "./references.js";

export interface NmtBleuOptions {
  /** 4. */
  maxOrder?: number;
  /** Add 1 to matches and totals of every order (Lin and Och 2004). */
  smooth?: boolean;
}

export interface NmtBleuScore {
  /** 0 to 1. */
  bleu: number;
  /** [order], 0 to 1. */
  precisions: number[];
  brevityPenalty: number;
  /** Words of the predictions to words of the shortest references. */
  lengthRatio: number;
  translationLength: number;
  referenceLength: number;
  signature: string;
}

/** Of a whole test set. Row i of the references is one text, or all that are right. */
export function nmtBleu(
  references: readonly References[],
  predictions: readonly string[],
  options: NmtBleuOptions = {},
): NmtBleuScore {
  requirePairs("bleu", references, predictions);
  const sums = new Float64Array(nmtBleuWidth(options));
  predictions.forEach((text, row) => {
    nmtBleuStatistics(listOf(references[row]!, "bleu"), text, options).forEach((value, k) => {
      sums[k]! += value;
    });
  });
  return {
    ...nmtBleuOfSums(sums, options),
    signature: nmtBleuSignature(
      referenceCount(references, () => "var"),
      options,
    ),
  };
}

/** How many numbers a row's statistics are. */
export function nmtBleuWidth({ maxOrder = 4 }: NmtBleuOptions): number {
  return 2 * maxOrder + 2;
}

/** What one row adds to a corpus: runs in common [order], runs of the prediction [order], its words, those of the shortest reference. */
export function nmtBleuStatistics(references: readonly string[], prediction: string, { maxOrder = 4 }: NmtBleuOptions): number[] {
  const words = new Numbering<string>();
  const read = (text: string) => tokens13a(text).map((token) => words.of(token));
  const ours = read(prediction);
  const right = references.map(read);
  const ngrams = new Ngrams(maxOrder, words.size);
  const most: number[] = [];
  for (const reference of right) {
    ngrams.count(reference).forEach((count = 0, run) => {
      most[run] = Math.max(count, most[run] ?? 0);
    });
  }
  const shortest = Math.min(...right.map(({ length }) => length));
  return [...ngrams.match(ours, most), ...ngramTotals(ours.length, maxOrder), ours.length, shortest];
}

/** The score of a corpus from the sums of its rows' statistics. */
export function nmtBleuOfSums(
  sums: ArrayLike<number>,
  { maxOrder = 4, smooth = false }: NmtBleuOptions,
): Omit<NmtBleuScore, "signature"> {
  const more = smooth ? 1 : 0;
  const precisions = Array.from({ length: maxOrder }, (_, n) => {
    const [matches, total] = [sums[n]! + more, sums[maxOrder + n]! + more];
    return total > 0 ? matches / total : 0;
  });
  const translationLength = sums[2 * maxOrder]!;
  const referenceLength = sums[2 * maxOrder + 1]!;
  const lengthRatio = translationLength / referenceLength;
  const brevityPenalty = lengthRatio > 1 ? 1 : translationLength > 0 ? Math.exp(1 - 1 / lengthRatio) : 0;
  const logarithms = precisions.map((precision) => Math.log(precision) / maxOrder); // -Infinity for 0, and exp makes that 0 again
  const mean = Math.exp(logarithms.reduce((sum, value) => sum + value, 0));
  return { bleu: mean * brevityPenalty, precisions, brevityPenalty, lengthRatio, translationLength, referenceLength };
}

/** @param count references a row, "var" where they differ */
export function nmtBleuSignature(count: string, { maxOrder = 4, smooth = false }: NmtBleuOptions): string {
  return `bleu|nrefs:${count}|case:mixed|tok:13a|order:${maxOrder}|smooth:${smooth ? "add-1" : "no"}|ref-length:shortest|scale:1|like:evaluate-bleu`;
}
