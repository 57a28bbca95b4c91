// Dialogues with summaries: DialogSum (Chen et al. 2021) and SAMSum (Gliwa et al. 2019).

import type { Row } from "@attune/models";
import { every, type Format, hasText, made, optional, text } from "./format.js";

const INSTRUCTION = "Summarize the following dialogue.";

/**
 * Test rows have summary1 to summary3 and no summary: the first stands for it, all are references. Blanks around a dialogue and line breaks
 * within a summary are the set's own slips and are taken out; the tags #Person1# stay.
 */
export const dialogsum: Format = {
  name: "dialogsum",
  summary: "DialogSum: fname, dialogue, summary (or summary1 to summary3), topic",
  matches: (sample) => every(sample, (row) => hasText(row, "fname", "dialogue") && isSummarized(row)),
  *rows(row) {
    const dialogue = text(row, "dialogue").trim();
    const many = ["summary1", "summary2", "summary3"]
      .filter((field) => hasText(row, field))
      .map((field) => clean(text(row, field)));
    const summary = many[0] ?? clean(text(row, "summary"));
    const topic = optional(row, "topic") || optional(row, "topic1");
    const own = { fname: optional(row, "fname"), dialogue, summary, topic };
    yield made(row, {
      ...own,
      instruction: INSTRUCTION,
      input: dialogue,
      output: summary,
      ...(many.length ? { references: many } : {}),
    });
  },
  templates: { encoderDecoder: "summarize", decoderOnly: "instruction" },
  task: "summarization",
  unanswered: (fields) => ({ summary: "", ...fields }),
};

/** Line ends are those of Windows in the original. */
export const samsum: Format = {
  name: "samsum",
  summary: "SAMSum and other dialogues: id, dialogue, summary",
  matches: (sample) => every(sample, (row) => hasText(row, "dialogue", "summary")),
  *rows(row) {
    const dialogue = text(row, "dialogue").replace(/\r\n?/g, "\n").trim();
    const summary = clean(text(row, "summary"));
    const { id = row.where } = row.fields;
    yield made(row, { id: String(id), dialogue, summary, instruction: INSTRUCTION, input: dialogue, output: summary });
  },
  templates: { encoderDecoder: "summarize", decoderOnly: "instruction" },
  task: "summarization",
  unanswered: (fields) => ({ summary: "", ...fields }),
};

const isSummarized = (row: Row) => hasText(row, "summary") || hasText(row, "summary1");
const clean = (summary: string) => summary.trim().replace(/\s*[\r\n]+\s*/g, " ");
