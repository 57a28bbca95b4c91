// Tasks: how rows become prompts where nobody says, and by which measures the answers are judged. One table; a task is plain data.

import { classificationMeasure } from "../measure/answers.js";
import type { Measure } from "../measure/measure.js";
import { MEASURES, type MeasureOptions } from "../measure/table.js";
import { labelReader, UNPARSED } from "./labels.js";

export interface TaskOptions {
  /** The classes; classification needs them. */
  labels?: readonly string[];
}

export interface Task {
  readonly summary: string;
  /** Templates in the order in which they are tried: the first whose fields a row has. */
  readonly templates: readonly { prompt: string; completion: string }[];
  /** Longest answer in tokens. */
  readonly maxNewTokens: number;
  readonly needsLabels?: boolean;
  /** The first one is what systems are ranked by. */
  measures(options: TaskOptions): Measure[];
}

const measure = (name: string, options: MeasureOptions = {}): Measure => MEASURES[name]!.make(options);

export const TASKS: Readonly<Record<string, Task>> = {
  summarization: {
    summary: "ROUGE with stems",
    templates: [
      { prompt: "Summarize the following conversation.\n\n{dialogue}\n\nSummary:", completion: "{summary}" },
      { prompt: "summarize: {text}", completion: "{summary}" },
      { prompt: "summarize: {document}", completion: "{summary}" },
    ],
    maxNewTokens: 128,
    measures: () => [measure("rouge", { stemmer: true })],
  },
  classification: {
    summary: "accuracy, F1, Matthews; answers that name no class are counted",
    templates: [
      { prompt: "{sentence}\nSentiment:", completion: "{label}" },
      { prompt: "{text}\nLabel:", completion: "{label}" },
    ],
    maxNewTokens: 8,
    needsLabels: true,
    measures: ({ labels = [] }) => [
      classificationMeasure({ labelOf: labelReader([...labels]), unparsed: UNPARSED, reading: "words" }),
    ],
  },
  "question-answering": {
    summary: "SQuAD's exact match and F1",
    templates: [
      { prompt: "question: {question} context: {context}", completion: "{answer}" },
      { prompt: "Question: {question}\nAnswer:", completion: "{answer}" },
    ],
    maxNewTokens: 32,
    measures: () => [measure("squad")],
  },
  translation: {
    summary: "sacreBLEU and chrF",
    templates: [{ prompt: "{source}", completion: "{target}" }],
    maxNewTokens: 128,
    measures: () => [measure("sacrebleu"), measure("chrf")],
  },
  reasoning: {
    summary: "the number at the end of a chain of thought",
    templates: [
      { prompt: "Question: {question}\nLet's think step by step.", completion: "{answer}" },
      { prompt: "{question}", completion: "{answer}" },
    ],
    maxNewTokens: 256,
    measures: () => [measure("gsm8k")],
  },
  "chain-of-thought": {
    summary: 'the answer that stands behind "The answer is"',
    templates: [{ prompt: "{question}\nLet's think step by step.", completion: "{reasoning}\nThe answer is {answer}." }],
    maxNewTokens: 256,
    measures: () => [measure("stated_answer")],
  },
  chat: {
    summary: "chrF and ROUGE against one possible answer: low values say little",
    templates: [
      { prompt: "{instruction}\n{input}", completion: "{output}" },
      { prompt: "{instruction}", completion: "{output}" },
      { prompt: "{prompt}", completion: "{response}" },
    ],
    maxNewTokens: 128,
    measures: () => [measure("chrf"), measure("rouge", { stemmer: true })],
  },
};
