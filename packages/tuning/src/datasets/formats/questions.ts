// Questions with answers: SQuAD (Rajpurkar et al. 2016, 2018), GSM8K (Cobbe et al. 2021), and the chain-of-thought sets of FLAN v2.

import { dataError, printable, type Row } from "@attune/models";
import { every, type Format, hasText, made, optional, record, text, wrongType } from "./format.js";

/** What a question without an answer (SQuAD v2) is answered with. */
export const UNANSWERABLE = "unanswerable";

/**
 * Nested as the official files are (an article a row), or flat as the hub has it. A question makes one row; its answers, without
 * repetitions, are the references and the first of them is learnt.
 */
export const squad: Format = {
  name: "squad",
  summary: "SQuAD v1.1 and v2: articles with paragraphs, or rows of context, question, answers",
  matches: (sample) =>
    every(
      sample,
      (row) => Array.isArray(row.fields.paragraphs) || (hasText(row, "context", "question") && isAnswers(row.fields.answers)),
    ),
  *rows(row) {
    if (!Array.isArray(row.fields.paragraphs)) {
      const answers = row.fields.answers;
      const columns = Array.isArray(answers)
        ? answers.map((one) => record(one, row, "answers").text)
        : record(answers, row, "answers").text;
      if (!Array.isArray(columns)) throw wrongType(row, "answers.text", columns, "a list");
      yield question(row, text(row, "context"), text(row, "question"), columns, row.fields.id);
      return;
    }
    for (const paragraph of row.fields.paragraphs) {
      const { context, qas } = record(paragraph, row, "paragraphs");
      if (typeof context !== "string") throw wrongType(row, "paragraphs.context", context, "text");
      if (!Array.isArray(qas)) throw wrongType(row, "paragraphs.qas", qas, "a list");
      for (const one of qas) {
        const { question: asked, answers, id } = record(one, row, "qas");
        if (typeof asked !== "string") throw wrongType(row, "qas.question", asked, "text");
        if (!Array.isArray(answers)) throw wrongType(row, "qas.answers", answers, "a list");
        yield question(
          row,
          context,
          asked,
          answers.map((answer) => record(answer, row, "answers").text),
          id,
        );
      }
    }
  },
  templates: { encoderDecoder: "squad", decoderOnly: "instruction" },
  task: "questions",
  group: "context", // questions of a paragraph often have the same answer
  unanswered: (fields) => ({ answers: { text: [] }, ...fields }),
};

const isAnswers = (value: unknown) =>
  Array.isArray(value) || (typeof value === "object" && value !== null && Array.isArray((value as { text?: unknown }).text));

function question(row: Row, context: string, asked: string, answers: readonly unknown[], id: unknown): Row {
  const wrong = answers.find((answer) => typeof answer !== "string");
  if (wrong !== undefined) throw wrongType(row, "answers.text", wrong, "text");
  const references = [...new Set(answers as string[])];
  const output = references[0] ?? UNANSWERABLE;
  const own = { id: String(id ?? row.where), context: context.trim(), question: asked.trim(), answer: output };
  const input = `Context: ${own.context}\nQuestion: ${own.question}`;
  const instruction = "Answer the question with words from the context.";
  return made(row, { ...own, instruction, input, output, references: references.length ? references : [UNANSWERABLE] }, own.id);
}

const FINAL = /^####[ \t]*(.*)$/m;

/** The worked answer without its calculator marks <<48/2=24>>; the final one, behind "####", without thousands commas. */
export const gsm8k: Format = {
  name: "gsm8k",
  summary: "GSM8K: question, and an answer whose last line is #### NUMBER",
  matches: (sample) => every(sample, (row) => hasText(row, "question", "answer") && FINAL.test(String(row.fields.answer))),
  *rows(row) {
    const whole = text(row, "answer");
    const [, last] = FINAL.exec(whole) ?? [];
    if (last === undefined)
      throw dataError(`${row.where}: the answer has no line "#### NUMBER": "${printable(whole.slice(-60))}"`);
    const reasoning = whole
      .slice(0, whole.search(FINAL))
      .replace(/<<[^<>\n]*>>/g, "")
      .trim();
    yield worked(row, text(row, "question").trim(), reasoning, last.trim().replace(/(\d),(?=\d{3})/g, "$1"));
  },
  templates: { encoderDecoder: "chainOfThought", decoderOnly: "chainOfThought" },
  task: "questions",
  unanswered: (fields) => ({ answer: "#### 0", ...fields }),
};

/** Three columns without a header; a backslash and an n stand for a line break. */
export const flanCot: Format = {
  name: "flanCot",
  summary: "FLAN v2 chain of thought: tab-separated question, answer, rationale, without a header",
  matches: (sample) =>
    sample.kind === "tsv" &&
    every(sample, (row) => hasText(row, "column1", "column2", "column3") && Object.keys(row.fields).length === 3),
  *rows(row) {
    const [asked, answer, reasoning] = ["column1", "column2", "column3"].map((column) =>
      text(row, column).replaceAll("\\n", "\n").trim(),
    );
    yield worked(row, asked!, reasoning!, answer!);
  },
  templates: { encoderDecoder: "chainOfThought", decoderOnly: "chainOfThought" },
  task: "questions",
  unanswered: ({ question = "", ...fields }) => ({ column1: question, column2: "", column3: "", ...fields }),
};

function worked(row: Row, asked: string, reasoning: string, answer: string): Row {
  const instruction = "Answer the question. Think step by step.";
  return made(row, {
    question: asked,
    reasoning,
    answer,
    instruction,
    input: asked,
    output: `${reasoning}\nThe answer is ${answer}.`,
  });
}

/** Rows of question and answer alone. */
export const questionAnswer: Format = {
  name: "questionAnswer",
  summary: "rows of question and answer, with a context or without",
  matches: (sample) => every(sample, (row) => hasText(row, "question", "answer")),
  *rows(row) {
    const [asked, answer, context] = [text(row, "question").trim(), text(row, "answer").trim(), optional(row, "context").trim()];
    const input = context ? `Context: ${context}\nQuestion: ${asked}` : asked;
    yield made(row, { question: asked, answer, context, instruction: "Answer the question.", input, output: answer });
  },
  templates: { encoderDecoder: "plain", decoderOnly: "instruction" },
  task: "questions",
  unanswered: (fields) => ({ answer: "", ...fields }),
};
