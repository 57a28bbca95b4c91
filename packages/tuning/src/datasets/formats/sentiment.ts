// Financial PhraseBank (Malo et al. 2014): `sentence@label`, a line each, in ISO-8859-1.

import { dataError, printable, type Row } from "@attune/models";
import { every, type Format, hasText, made, text } from "./format.js";

export const SENTIMENTS: readonly string[] = ["negative", "neutral", "positive"];

const LINE = /^(.*)@\s*(positive|neutral|negative)\s*$/;

/** The label stands behind the LAST "@". Copies in UTF-8 exist, so the encoding is told line by line. */
export const phrasebank: Format = {
  name: "phrasebank",
  summary: "Financial PhraseBank: sentence@label, a line each; or columns sentence, label",
  matches: (sample) =>
    sample.kind === "text"
      ? every(sample, (row) => LINE.test(String(row.fields.text)))
      : every(sample, (row) => hasText(row, "sentence") && labelOf(row) !== undefined),
  *rows(row) {
    if (!Object.hasOwn(row.fields, "text")) {
      const label = labelOf(row);
      if (label === undefined)
        throw dataError(
          `${row.where}: the field "label" is ${printable(String(row.fields.label))}, expected ${SENTIMENTS.join(", ")} or 0 to 2`,
        );
      yield sentenceRow(row, text(row, "sentence").trim(), label);
      return;
    }
    const line = text(row, "text");
    const [, sentence, label] = LINE.exec(line) ?? [];
    if (sentence === undefined || label === undefined)
      throw dataError(`${row.where}: expected sentence@label with ${SENTIMENTS.join(", ")}, found "${printable(line)}"`);
    yield sentenceRow(row, sentence.trim(), label);
  },
  templates: { encoderDecoder: "plain", decoderOnly: "instruction" },
  task: "sentiment",
  label: "label",
  encoding: "auto",
  unanswered: (fields) => ({ label: "neutral", ...fields }),
};

function sentenceRow(row: Row, sentence: string, label: string): Row {
  const instruction = "Is the sentiment of this financial news negative, neutral or positive?";
  return made(row, { sentence, label, instruction, input: sentence, output: label });
}

/** A word, or the hub's number: 0 negative, 1 neutral, 2 positive. */
function labelOf(row: Row): string | undefined {
  const { label } = row.fields;
  if (typeof label === "string" && SENTIMENTS.includes(label)) return label;
  return typeof label === "number" || (typeof label === "string" && /^[0-2]$/.test(label))
    ? SENTIMENTS[Number(label)]
    : undefined;
}
