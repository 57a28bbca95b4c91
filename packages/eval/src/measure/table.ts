// The measures by the name that a person gives, with the options that each takes.

import type { BleuSmoothing, BleuTokenizer } from "../metrics/bleu.js";
import type { AnswerStyle } from "../metrics/finalAnswer.js";
import { classificationMeasure, exactMatchMeasure, finalAnswerMeasure, squadMeasure, statedAnswerMeasure } from "./answers.js";
import type { Measure } from "./measure.js";
import { chrfMeasure, nmtBleuMeasure, rougeMeasure, sacrebleuMeasure } from "./text.js";

export interface MeasureOptions {
  stemmer?: boolean;
  lowercase?: boolean;
  tokenizer?: BleuTokenizer;
  smoothing?: BleuSmoothing;
  maxOrder?: number;
  wordOrder?: number;
  ignoreCase?: boolean;
  ignorePunctuation?: boolean;
  ignoreNumbers?: boolean;
  answer?: AnswerStyle;
  labels?: readonly string[];
  zeroDivision?: number;
}

export interface MeasureEntry {
  summary: string;
  options: readonly (keyof MeasureOptions)[];
  make(options: MeasureOptions): Measure;
}

export const MEASURES: Readonly<Record<string, MeasureEntry>> = {
  rouge: {
    summary: "ROUGE-1, -2, -L, -Lsum as rouge_score, f-measures 0 to 1",
    options: ["stemmer"],
    make: ({ stemmer }) => rougeMeasure({ useStemmer: stemmer }),
  },
  sacrebleu: {
    summary: "BLEU as sacreBLEU, 0 to 100",
    options: ["lowercase", "tokenizer", "smoothing", "maxOrder"],
    make: (options) => sacrebleuMeasure(options),
  },
  bleu: {
    summary: "BLEU as evaluate's bleu, 0 to 1, unsmoothed",
    options: ["maxOrder"],
    make: (options) => nmtBleuMeasure(options),
  },
  chrf: {
    summary: "chrF as sacreBLEU, 0 to 100; --word-order 2 is chrF++",
    options: ["lowercase", "wordOrder"],
    make: (options) => chrfMeasure(options),
  },
  exact_match: {
    summary: "share of predictions that equal a reference, 0 to 1",
    options: ["ignoreCase", "ignorePunctuation", "ignoreNumbers"],
    make: (options) => exactMatchMeasure(options),
  },
  squad: { summary: "exact match and F1 as SQuAD 1.1, 0 to 100", options: [], make: () => squadMeasure() },
  squad_v2: {
    summary: "the same as SQuAD 2.0: a question may have no answer",
    options: [],
    make: () => squadMeasure({ version: "2.0" }),
  },
  gsm8k: {
    summary: "share of predictions that end in the right number, 0 to 1",
    options: ["answer"],
    make: ({ answer }) => finalAnswerMeasure({ style: answer }),
  },
  stated_answer: {
    summary: 'share of predictions whose answer behind "The answer is" is the reference\'s, 0 to 1',
    options: [],
    make: () => statedAnswerMeasure(),
  },
  classification: {
    summary: "accuracy, F1, Matthews as scikit-learn, 0 to 1",
    options: ["labels", "zeroDivision"],
    make: ({ labels, zeroDivision }) => classificationMeasure({ labels, zeroDivision }),
  },
};
