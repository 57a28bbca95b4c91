// BLEU (K. Papineni et al., "BLEU: a method for automatic evaluation of machine translation", 2002) as sacreBLEU 2.6.0
// computes it (M. Post, "A call for clarity in reporting BLEU scores", 2018), 0 to 100:
//   precision_n = 100 * runs of n words in common / runs of n words of the predictions, each run counted at most as often
//                 as the reference that has it most often
//   brevity     = exp(1 - reference length / prediction length) where predictions are shorter, else 1
//   BLEU        = brevity * geometric mean of precision_1 .. precision_4
// Counts are summed over the corpus first. The reference length of a row is the one nearest to the prediction's.

import { Ngrams, Numbering, ngramTotals } from "./ngrams.js";
import { requirePairs } from "./pairs.js";
import { splitWords, trimEnd } from "./python.js";
import { listOf, type References, referenceCount } from "./references.js";

export type BleuTokenizer = "13a" | "intl" | "char" | "none";
export type BleuSmoothing = "exp" | "floor" | "add-k" | "none";

export interface BleuOptions {
  lowercase?: boolean;
  /** "13a" (mteval-v13a) by default; "intl" splits by the Unicode classes of characters. */
  tokenizer?: BleuTokenizer;
  /** What becomes of a precision of 0: halved ever further (exp, the default), a small value (floor), k added, or nothing. */
  smoothing?: BleuSmoothing;
  /** Of floor (0.1) and add-k (1). */
  smoothValue?: number;
  /** 4. */
  maxOrder?: number;
  /** Leave out the orders that a short text has no runs of. For single sentences. */
  effectiveOrder?: boolean;
}

export interface BleuScore {
  /** 0 to 100. */
  score: number;
  /** [order], runs in common; with add-k, k more. */
  counts: number[];
  /** [order], runs of the predictions; with add-k, k more. */
  totals: number[];
  /** [order], after smoothing, 0 to 100. */
  precisions: number[];
  brevityPenalty: number;
  predictionLength: number;
  referenceLength: number;
  /** sacreBLEU's own. */
  signature: string;
}

const SMOOTH_VALUES = { exp: 0, none: 0, floor: 0.1, "add-k": 1 };

/** Of a whole test set: sacrebleu.corpus_bleu. Row i of the references is one text, or all that are right. */
export function corpusBleu(
  references: readonly References[],
  predictions: readonly string[],
  options: BleuOptions = {},
): BleuScore {
  requirePairs("bleu", references, predictions);
  const sums = new Float64Array(bleuWidth(options));
  predictions.forEach((text, row) => {
    bleuStatistics(listOf(references[row]!, "bleu"), text, options).forEach((value, k) => {
      sums[k]! += value;
    });
  });
  return {
    ...bleuOfSums(sums, options),
    signature: bleuSignature(
      referenceCount(references, () => "var"),
      options,
    ),
  };
}

/** How many numbers a row's statistics are. */
export function bleuWidth({ maxOrder = 4 }: BleuOptions): number {
  return 2 * maxOrder + 2;
}

/** What one row adds to a corpus: runs in common [order], runs of the prediction [order], its words, the reference's words. */
export function bleuStatistics(references: readonly string[], prediction: string, options: BleuOptions): number[] {
  const order = options.maxOrder ?? 4;
  const words = new Numbering<string>(); // of this row, so that memory does not grow with the corpus
  const read = (line: string) =>
    bleuTokens(options.lowercase ? line.toLowerCase() : line, options.tokenizer).map((token) => words.of(token));
  const ours = read(prediction);
  const right = references.map(read);
  const ngrams = new Ngrams(order, words.size);
  const most: number[] = []; // over the references
  let nearest = Number.NaN;
  for (const reference of right) {
    ngrams.count(reference).forEach((count = 0, run) => {
      most[run] = Math.max(count, most[run] ?? 0);
    });
    const isNearer = Math.abs(reference.length - ours.length) - Math.abs(nearest - ours.length);
    if (Number.isNaN(nearest) || isNearer < 0 || (isNearer === 0 && reference.length < nearest)) nearest = reference.length;
  }
  return [...ngrams.match(ours, most), ...ngramTotals(ours.length, order), ours.length, nearest];
}

/** The score of a corpus from the sums of its rows' statistics. */
export function bleuOfSums(sums: ArrayLike<number>, options: BleuOptions): Omit<BleuScore, "signature"> {
  const order = options.maxOrder ?? 4;
  const all = Array.from(sums);
  return bleuOf(all.slice(0, order), all.slice(order, 2 * order), all[2 * order]!, all[2 * order + 1]!, options);
}

/** Of one sentence: sacrebleu.sentence_bleu, which leaves out orders that the sentence is too short for. */
export function sentenceBleu(references: References, prediction: string, options: BleuOptions = {}): BleuScore {
  return corpusBleu([references], [prediction], { effectiveOrder: true, ...options });
}

function bleuOf(
  common: readonly number[],
  all: readonly number[],
  predictionLength: number,
  referenceLength: number,
  { smoothing = "exp", smoothValue = SMOOTH_VALUES[smoothing], effectiveOrder = false }: BleuOptions,
): Omit<BleuScore, "signature"> {
  const counts = [...common];
  const totals = [...all];
  const precisions = counts.map(() => 0);
  const tooShort = predictionLength < referenceLength;
  const brevityPenalty = !tooShort ? 1 : predictionLength > 0 ? Math.exp(1 - referenceLength / predictionLength) : 0;
  const rest = { counts, totals, precisions, brevityPenalty, predictionLength, referenceLength };
  if (counts.every((count) => count === 0)) return { score: 0, ...rest };
  let orders = counts.length;
  let halvings = 1;
  for (let n = 0; n < counts.length; n++) {
    if (smoothing === "add-k" && n > 0) {
      counts[n]! += smoothValue;
      totals[n]! += smoothValue;
    }
    if (totals[n] === 0) break; // without effectiveOrder, the precisions left at 0 make the score 0
    if (effectiveOrder) orders = n + 1;
    if (counts[n]! > 0) precisions[n] = (100 * counts[n]!) / totals[n]!;
    else if (smoothing === "exp") {
      halvings *= 2;
      precisions[n] = 100 / (halvings * totals[n]!);
    } else if (smoothing === "floor") precisions[n] = (100 * smoothValue) / totals[n]!;
  }
  const logarithms = precisions.slice(0, orders).map(Math.log); // -Infinity for 0, and exp makes that 0 again
  return { score: brevityPenalty * Math.exp(logarithms.reduce((a, b) => a + b, 0) / orders), ...rest };
}

/** The words that BLEU compares. */
export function bleuTokens(text: string, tokenizer: BleuTokenizer = "13a"): string[] {
  const line = trimEnd(text);
  switch (tokenizer) {
    case "13a":
      return tokens13a(line);
    case "intl":
      return splitWords(
        line
          .replace(/(\P{N})(\p{P})/gu, "$1 $2 ")
          .replace(/(\p{P})(\P{N})/gu, " $1 $2")
          .replace(/\p{S}/gu, " $& "),
      );
    case "char":
      return splitWords([...line].join(" "));
    case "none":
      return splitWords(line);
  }
}

/** mteval-v13a's words of a text as it stands; sacreBLEU takes the white space at its end off before. */
export function tokens13a(text: string): string[] {
  return splitWords(spaced13a(text));
}

/** Punctuation apart from words, but for points and commas in numbers, hyphens in words, and apostrophes. */
function spaced13a(text: string): string {
  let line = text.replaceAll("<skipped>", "").replaceAll("-\n", "").replaceAll("\n", " ");
  if (line.includes("&")) {
    line = line.replaceAll("&quot;", '"').replaceAll("&amp;", "&").replaceAll("&lt;", "<").replaceAll("&gt;", ">");
  }
  return ` ${line} `
    .replace(/[{-~[-` -&(-+:-@/]/g, " $& ")
    .replace(/([^0-9])([.,])/gu, "$1 $2 ")
    .replace(/([.,])([^0-9])/gu, " $1 $2")
    .replace(/([0-9])(-)/g, "$1 $2 ");
}

/** @param count references a row, "var" where they differ */
export function bleuSignature(count: string, options: BleuOptions): string {
  const { smoothing = "exp", smoothValue = SMOOTH_VALUES[smoothing] } = options;
  const value = smoothing === "floor" || smoothing === "add-k" ? `[${smoothValue.toFixed(2)}]` : "";
  return [
    `nrefs:${count}`,
    `case:${options.lowercase ? "lc" : "mixed"}`,
    `eff:${options.effectiveOrder ? "yes" : "no"}`,
    `tok:${options.tokenizer ?? "13a"}`,
    `smooth:${smoothing}${value}`,
    "version:2.6.0",
  ].join("|");
}
