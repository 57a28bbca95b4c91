// Every format, the most particular first: the first one that matches a file's first rows is its own.

import { dataError, listSome, printable, usageError } from "@attune/models";
import { conversations } from "./conversations.js";
import type { Format, Sample } from "./format.js";
import { alpaca, instances, plainText, promptCompletion, translation } from "./instructions.js";
import { pretokenized } from "./pretokenized.js";
import { flanCot, gsm8k, questionAnswer, squad } from "./questions.js";
import { phrasebank } from "./sentiment.js";
import { dialogsum, samsum } from "./summarization.js";

/** Rows as they are, for templates of the run's own. */
export const asIs: Format = {
  name: "rows",
  summary: "rows as they are, for a template of your own",
  matches: () => true,
  *rows(row) {
    yield row;
  },
  templates: { encoderDecoder: "none", decoderOnly: "none" },
  task: "general",
};

export const FORMATS: readonly Format[] = [
  pretokenized,
  conversations,
  dialogsum,
  samsum,
  phrasebank,
  squad,
  gsm8k,
  flanCot,
  instances,
  alpaca,
  translation,
  promptCompletion,
  questionAnswer,
  plainText,
  asIs,
];

/** By name. Throws (usage) with all names. */
export function formatNamed(name: string): Format {
  const found = FORMATS.find((format) => format.name === name);
  if (found) return found;
  throw usageError(`no format "${printable(name)}"; known are auto, ${FORMATS.map((format) => format.name).join(", ")}`);
}

/** By the file itself. Throws (data) with its columns where none fits. */
export function detectFormat(sample: Sample): Format {
  const found = FORMATS.find((format) => format !== asIs && format.matches(sample));
  if (found) return found;
  const columns = Object.keys(sample.rows[0]?.fields ?? {}).map((field) => printable(field));
  throw dataError(
    `${printable(sample.name, 300)}: no known format has the fields ${listSome(columns)}; write data.template with prompt and completion, or name a format`,
  );
}
