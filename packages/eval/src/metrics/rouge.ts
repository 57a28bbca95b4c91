// ROUGE (C.-Y. Lin, "ROUGE: a package for automatic evaluation of summaries", 2004) with rouge_score 0.1.2's exact rules:
//   rouge1, rouge2  words and pairs of neighbouring words in common, each counted at most as often as the other side has it
//   rougeL          longest common subsequence of words
//   rougeLsum       the same by sentences, which are lines: put "\n" between sentences; without it, rougeLsum is rougeL
//   precision = hits / prediction's, recall = hits / reference's, f = 2 p r / (p + r), 0 where nothing is in common
// A word is a run of a-z and 0-9 after lower-casing; everything else, letters with accents too, separates. With the
// stemmer, words of more than three letters are stemmed (porter.ts).

import { requirePairs } from "./pairs.js";
import { porterStem } from "./porter.js";
import { listOf, type References, referenceCount } from "./references.js";

export const ROUGE_TYPES = ["rouge1", "rouge2", "rougeL", "rougeLsum"] as const;
export type RougeType = (typeof ROUGE_TYPES)[number];

export interface RougeOptions {
  /** Compare stems instead of words; false as in rouge_score, true in most published tables of summarization. */
  useStemmer?: boolean;
}

export interface RougeValue {
  precision: number;
  recall: number;
  fmeasure: number;
}

export type RougeScores = Record<RougeType, RougeValue>;

export interface RougeScorer {
  score(reference: string, prediction: string): RougeScores;
  /** Against several references: for each type, the values of the reference with the best f (the first of equals). */
  scoreMulti(references: readonly string[], prediction: string): RougeScores;
}

/** The values of all rows, in the order of the rows. */
export type RougeColumns = Record<keyof RougeValue, Float64Array>;

export interface CorpusRouge {
  /** Plain means over the rows, 0 to 1. */
  mean: RougeScores;
  rows: Record<RougeType, RougeColumns>;
  /** What exactly was computed. */
  signature: string;
}

/** ROUGE of a whole test set; row i of the references is one text, or all the texts that are right for prediction i. */
export function corpusRouge(
  references: readonly References[],
  predictions: readonly string[],
  options: RougeOptions = {},
): CorpusRouge {
  requirePairs("rouge", references, predictions);
  const scorer = rougeScorer(options);
  const total = predictions.length;
  const rows = forTypes(() => ({
    precision: new Float64Array(total),
    recall: new Float64Array(total),
    fmeasure: new Float64Array(total),
  }));
  for (let row = 0; row < total; row++) {
    const reference = references[row]!;
    const prediction = predictions[row]!;
    const scores = typeof reference === "string" ? scorer.score(reference, prediction) : scorer.scoreMulti(reference, prediction);
    for (const type of ROUGE_TYPES) {
      rows[type].precision[row] = scores[type].precision;
      rows[type].recall[row] = scores[type].recall;
      rows[type].fmeasure[row] = scores[type].fmeasure;
    }
  }
  const mean = forTypes((type) => ({
    precision: meanOf(rows[type].precision),
    recall: meanOf(rows[type].recall),
    fmeasure: meanOf(rows[type].fmeasure),
  }));
  const count = referenceCount(references, (fewest, most) => `${fewest}-${most}`);
  return { mean, rows, signature: rougeSignature(count, references.length, options) };
}

/** A scorer that remembers the stems of words it has met. */
export function rougeScorer({ useStemmer = false }: RougeOptions = {}): RougeScorer {
  const words = new Vocabulary(useStemmer);
  const score = (reference: string, prediction: string) => {
    words.shrink();
    const r = words.read(reference);
    const p = words.read(prediction);
    const subsequence = lcsLength(r.ids, p.ids);
    const bySentence = r.ends.length > 1 || p.ends.length > 1;
    return {
      rouge1: scoreOf(commonCount(r.ids, p.ids), r.ids.length, p.ids.length),
      rouge2: scoreOf(commonPairs(r.ids, p.ids), r.ids.length - 1, p.ids.length - 1),
      rougeL: scoreOf(subsequence, r.ids.length, p.ids.length),
      rougeLsum: scoreOf(bySentence ? summaryHits(r, p) : subsequence, r.ids.length, p.ids.length),
    };
  };
  return {
    score,
    scoreMulti(references, prediction) {
      const [first, ...others] = listOf(references, "rouge").map((reference) => score(reference, prediction));
      return forTypes((type) =>
        others.reduce((best, scores) => (scores[type].fmeasure > best.fmeasure ? scores[type] : best), first![type]),
      );
    },
  };
}

/** The words that ROUGE compares. */
export function rougeTokens(text: string, { useStemmer = false }: RougeOptions = {}): string[] {
  const words = text.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  return useStemmer ? words.map((word) => (word.length > 3 ? porterStem(word) : word)) : words;
}

/** Words as small whole numbers, equal where the words (or their stems) are; sentence k ends before ids[ends[k]]. */
interface Words {
  ids: Int32Array;
  ends: number[];
}

/** Beyond this many words the table starts afresh, so that memory stays constant over millions of rows. */
const MAX_WORDS = 1 << 20;

class Vocabulary {
  private readonly ids = new Map<string, number>();

  constructor(private readonly useStemmer: boolean) {}

  read(text: string): Words {
    const ids: number[] = [];
    const ends: number[] = [];
    for (const line of text.toLowerCase().split("\n")) {
      const before = ids.length;
      for (const word of line.match(/[a-z0-9]+/g) ?? []) ids.push(this.idOf(word));
      if (ids.length > before) ends.push(ids.length); // a line without words has nothing to find, nor to be found in
    }
    return { ids: Int32Array.from(ids), ends };
  }

  /** Between two pairs of texts only: their numbers must agree with each other. */
  shrink(): void {
    if (this.ids.size > MAX_WORDS) this.ids.clear();
  }

  private idOf(word: string): number {
    const known = this.ids.get(word);
    if (known !== undefined) return known;
    const stem = this.useStemmer && word.length > 3 ? porterStem(word) : word;
    // A stem may be no fixed point of the stemmer ("news" aside), so it has a key of its own that no word can have.
    const key = `=${stem}`;
    const id = this.ids.get(key) ?? this.ids.size;
    this.ids.set(key, id);
    this.ids.set(word, id);
    return id;
  }
}

function scoreOf(hits: number, referenceCount: number, predictionCount: number): RougeValue {
  const precision = hits / Math.max(predictionCount, 1);
  const recall = hits / Math.max(referenceCount, 1);
  return { precision, recall, fmeasure: hits > 0 ? (2 * precision * recall) / (precision + recall) : 0 };
}

function countsOf(items: Iterable<number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

/** Takes one of `item` where there is one left. */
function take(counts: Map<number, number>, item: number): boolean {
  const left = counts.get(item) ?? 0;
  if (left > 0) counts.set(item, left - 1);
  return left > 0;
}

function commonCount(reference: ArrayLike<number> & Iterable<number>, prediction: Iterable<number>): number {
  const left = countsOf(reference);
  let hits = 0;
  for (const item of prediction) if (take(left, item)) hits++;
  return hits;
}

function commonPairs(reference: Int32Array, prediction: Int32Array): number {
  const pairs = (ids: Int32Array) => Float64Array.from(ids.subarray(1), (id, i) => ids[i]! * 2 ** 26 + id); // exact in a double
  return commonCount(pairs(reference), pairs(prediction));
}

function lcsLength(a: Int32Array, b: Int32Array): number {
  const row = new Int32Array(b.length + 1); // [words of b so far]: length with the words of a so far
  for (const word of a) {
    let diagonal = 0;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!;
      row[j] = word === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1]!);
      diagonal = above;
    }
  }
  return row[b.length]!;
}

/**
 * Words of the reference that lie, sentence by sentence, in a longest common subsequence with any sentence of the
 * prediction; each counted at most as often as either side has it.
 */
function summaryHits(reference: Words, prediction: Words): number {
  const leftInReference = countsOf(reference.ids);
  const leftInPrediction = countsOf(prediction.ids);
  const theirs = sentences(prediction);
  let hits = 0;
  for (const ours of sentences(reference)) {
    const found = new Uint8Array(ours.length);
    for (const sentence of theirs) markCommon(ours, sentence, found);
    for (let i = 0; i < ours.length; i++) {
      // Both sides must have one left before either gives one up.
      const word = ours[i]!;
      if (!found[i] || !leftInReference.get(word) || !take(leftInPrediction, word)) continue;
      take(leftInReference, word);
      hits++;
    }
  }
  return hits;
}

function sentences({ ids, ends }: Words): Int32Array[] {
  return ends.map((end, k) => ids.subarray(k === 0 ? 0 : ends[k - 1]!, end));
}

/** Marks in `found` the places of `a` that belong to one longest common subsequence with `b`: the one rouge_score takes. */
function markCommon(a: Int32Array, b: Int32Array, found: Uint8Array): void {
  const width = b.length + 1;
  const table = new Int32Array((a.length + 1) * width); // [words of a so far, words of b so far]
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const at = i * width + j;
      table[at] = a[i - 1] === b[j - 1] ? table[at - width - 1]! + 1 : Math.max(table[at - width]!, table[at - 1]!);
    }
  }
  for (let i = a.length, j = b.length; i > 0 && j > 0; ) {
    if (a[i - 1] === b[j - 1]) {
      found[i - 1] = 1;
      i--;
      j--;
    } else if (table[i * width + j - 1]! > table[(i - 1) * width + j]!) j--;
    else i--;
  }
}

function forTypes<T>(make: (type: RougeType) => T): Record<RougeType, T> {
  return { rouge1: make("rouge1"), rouge2: make("rouge2"), rougeL: make("rougeL"), rougeLsum: make("rougeLsum") };
}

function meanOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** @param count references a row: "1", or "1-3" where rows differ */
export function rougeSignature(count: string, rows: number, { useStemmer }: RougeOptions): string {
  const stem = useStemmer ? "porter-nltk" : "no";
  return `rouge|nrefs:${count}|stem:${stem}|words:a-z0-9|lsum:lines|mean:rows|rows:${rows}|like:rouge_score-0.1.2`;
}
