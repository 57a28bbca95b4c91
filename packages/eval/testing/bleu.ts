// The golden record of sacreBLEU: its shape, and its options in our names.

import type { BleuOptions, BleuSmoothing, BleuTokenizer } from "../src/metrics/bleu.js";
import type { ChrfOptions } from "../src/metrics/chrf.js";

interface PythonBleu {
  lowercase?: boolean;
  smooth_method?: BleuSmoothing;
  smooth_value?: number;
  effective_order?: boolean;
  tokenize?: BleuTokenizer;
  max_ngram_order?: number;
}

interface PythonChrf {
  word_order?: number;
  lowercase?: boolean;
  beta?: number;
  whitespace?: boolean;
  eps_smoothing?: boolean;
}

export interface GoldenBleu {
  options: Record<string, PythonBleu>;
  chrf_options: Record<string, PythonChrf>;
  sets: Record<string, GoldenSet>;
}

interface GoldenSet {
  hypotheses: string[];
  reference_streams: string[][];
  corpus: Record<string, GoldenScore & { precisions: number[]; sys_len: number; ref_len: number; signature: string }>;
  chrf_corpus: Record<string, { score: number; signature: string }>;
  sentence: GoldenScore[];
  chrf_sentence: number[];
  tokens_13a: string[];
}

interface GoldenScore {
  score: number;
  counts: number[];
  totals: number[];
  bp: number;
}

export function bleuOptions(python: PythonBleu): BleuOptions {
  return {
    lowercase: python.lowercase,
    smoothing: python.smooth_method,
    smoothValue: python.smooth_value,
    effectiveOrder: python.effective_order,
    tokenizer: python.tokenize,
    maxOrder: python.max_ngram_order,
  };
}

export function chrfOptions(python: PythonChrf): ChrfOptions {
  const { lowercase, beta, whitespace } = python;
  return { wordOrder: python.word_order, lowercase, beta, whitespace, epsSmoothing: python.eps_smoothing };
}

/** sacreBLEU has a list for each reference of a row, we have a list for each row. */
export function rowsOf(streams: string[][]): string[][] {
  return streams[0]!.map((_, row) => streams.map((stream) => stream[row]!));
}
