// chrF and chrF++ (M. Popovic, "chrF: character n-gram F-score for automatic MT evaluation", 2015; "chrF++: words helping
// character n-grams", 2017) as sacreBLEU 2.6.0 computes them, 0 to 100. For runs of 1 to 6 characters (chrF++: and of 1 and
// 2 words) precision and recall are taken and averaged over the orders that both sides have; then
//   chrF_beta = 100 (1 + beta^2) p r / (beta^2 p + r)
// Counts are summed over the corpus first; of several references a row takes the one with the best score.

import { Ngrams, Numbering, ngramTotals } from "./ngrams.js";
import { requirePairs } from "./pairs.js";
import { splitWords } from "./python.js";
import { listOf, type References, referenceCount } from "./references.js";

export interface ChrfOptions {
  /** Longest run of characters; 6. */
  charOrder?: number;
  /** Longest run of words; 0 is chrF, 2 is chrF++. */
  wordOrder?: number;
  /** How much more recall counts than precision; 2. */
  beta?: number;
  lowercase?: boolean;
  /** Spaces are characters too. */
  whitespace?: boolean;
  /** Mean of the orders' F scores with a tiny value for what is missing, as chrF++.py has it. */
  epsSmoothing?: boolean;
}

export interface ChrfScore {
  /** 0 to 100. */
  score: number;
  /** sacreBLEU's own. */
  signature: string;
}

/** One order: runs of the prediction, of the reference, and in common. */
type Counts = readonly [prediction: number, reference: number, common: number];

/** Of a whole test set: sacrebleu.corpus_chrf. Row i of the references is one text, or all that are right. */
export function corpusChrf(
  references: readonly References[],
  predictions: readonly string[],
  options: ChrfOptions = {},
): ChrfScore {
  requirePairs("chrf", references, predictions);
  const sums = new Float64Array(chrfWidth(options));
  predictions.forEach((text, row) => {
    chrfStatistics(listOf(references[row]!, "chrf"), text, options).forEach((value, k) => {
      sums[k]! += value;
    });
  });
  return {
    score: chrfOfSums(sums, options),
    signature: chrfSignature(
      referenceCount(references, () => "var"),
      options,
    ),
  };
}

/** How many numbers a row's statistics are. */
export function chrfWidth({ charOrder = 6, wordOrder = 0 }: ChrfOptions): number {
  return 3 * (charOrder + wordOrder);
}

/** What one row adds to a corpus, [orders, 3]: runs of the prediction, of its best reference, and in common. */
export function chrfStatistics(references: readonly string[], prediction: string, options: ChrfOptions): number[] {
  const ours = read(prediction, options);
  let best = -1;
  let counts: Counts[] = [];
  for (const reference of references) {
    const found = countsOf(read(reference, options), ours, options);
    const score = scoreOf(found, options);
    if (score <= best) continue;
    best = score;
    counts = found;
  }
  return counts.flat();
}

/** The score of a corpus from the sums of its rows' statistics, 0 to 100. */
export function chrfOfSums(sums: ArrayLike<number>, options: ChrfOptions): number {
  const counts = Array.from({ length: sums.length / 3 }, (_, k): Counts => [sums[3 * k]!, sums[3 * k + 1]!, sums[3 * k + 2]!]);
  return scoreOf(counts, options);
}

/** Of one sentence: sacrebleu.sentence_chrf. */
export function sentenceChrf(references: References, prediction: string, options: ChrfOptions = {}): ChrfScore {
  return corpusChrf([references], [prediction], options);
}

interface Text {
  characters: readonly string[];
  words: readonly string[];
}

function read(text: string, { lowercase, whitespace, wordOrder = 0 }: ChrfOptions): Text {
  const line = lowercase ? text.toLowerCase() : text;
  const characters = [...(whitespace ? line : splitWords(line).join(""))]; // whole code points
  return { characters, words: wordOrder > 0 ? chrfWords(line) : [] };
}

/** Words with a last, or else a first, ASCII punctuation mark taken off: "(so." is "(so" and ".". */
function chrfWords(line: string): string[] {
  return splitWords(line).flatMap((word) => {
    if (word.length === 1 || [...word].length === 1) return [word];
    if (/[!-/:-@[-`{-~]$/.test(word)) return [word.slice(0, -1), word.slice(-1)];
    return /^[!-/:-@[-`{-~]/.test(word) ? [word[0]!, word.slice(1)] : [word];
  });
}

function countsOf(reference: Text, prediction: Text, { charOrder = 6, wordOrder = 0 }: ChrfOptions): Counts[] {
  return [
    ...orders(reference.characters, prediction.characters, charOrder),
    ...orders(reference.words, prediction.words, wordOrder),
  ];
}

function orders(reference: readonly string[], prediction: readonly string[], order: number): Counts[] {
  const numbers = new Numbering<string>();
  const [ours, theirs] = [reference, prediction].map((items) => items.map((item) => numbers.of(item)));
  const ngrams = new Ngrams(order, numbers.size);
  const common = ngrams.match(theirs!, ngrams.count(ours!));
  const ofPrediction = ngramTotals(prediction.length, order);
  // An order that the reference has no runs of says nothing about the prediction.
  return ngramTotals(reference.length, order).map((total, n) => [total > 0 ? ofPrediction[n]! : 0, total, common[n]!]);
}

function scoreOf(counts: readonly Counts[], { beta = 2, epsSmoothing }: ChrfOptions): number {
  const tiny = 1e-16;
  const weight = beta * beta;
  const fOf = (p: number, r: number, otherwise: number) =>
    weight * p + r > 0 ? ((1 + weight) * p * r) / (weight * p + r) : otherwise;
  let precision = 0;
  let recall = 0;
  let sum = 0;
  let effective = 0;
  for (const [ofPrediction, ofReference, common] of counts) {
    const p = ofPrediction > 0 ? common / ofPrediction : tiny;
    const r = ofReference > 0 ? common / ofReference : tiny;
    sum += fOf(p, r, tiny);
    if (ofPrediction === 0 || ofReference === 0) continue;
    precision += p;
    recall += r;
    effective++;
  }
  if (epsSmoothing) return (100 * sum) / counts.length;
  return effective === 0 ? 0 : 100 * fOf(precision / effective, recall / effective, 0);
}

/** @param count references a row, "var" where they differ */
export function chrfSignature(count: string, options: ChrfOptions): string {
  return [
    `nrefs:${count}`,
    `case:${options.lowercase ? "lc" : "mixed"}`,
    `eff:${options.epsSmoothing ? "no" : "yes"}`,
    `nc:${options.charOrder ?? 6}`,
    `nw:${options.wordOrder ?? 0}`,
    `space:${options.whitespace ? "yes" : "no"}`,
    "version:2.6.0",
  ].join("|");
}
