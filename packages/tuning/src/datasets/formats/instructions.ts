// Instructions with answers: Alpaca's form, seed tasks with instances (Wang et al. 2022), pairs of prompt and completion (T0, FLAN, P3).

import type { Row } from "@attune/models";
import { every, type Format, has, hasText, list, made, optional, record, text, wrongType } from "./format.js";

/** "noinput", "<noinput>", "No Input" and the like, which Alpaca's authors' model wrote where there was to be nothing. */
const NO_INPUT = /^\W*no\s*[_-]?\s*input(\s+(is\s+)?(required|needed|necessary|given|provided))?\W*$/i;

export const inputOf = (given: string): string => (NO_INPUT.test(given) ? "" : given.trim());

export const alpaca: Format = {
  name: "alpaca",
  summary: "Alpaca: instruction, input (may be empty), output",
  matches: (sample) => every(sample, (row) => hasText(row, "instruction", "output")),
  *rows(row) {
    const instruction = text(row, "instruction").trim();
    yield made(row, { instruction, input: inputOf(optional(row, "input")), output: text(row, "output").trim() });
  },
  templates: { encoderDecoder: "plain", decoderOnly: "alpaca" },
  task: "general",
  unanswered: (fields) => ({ output: "", ...fields }),
};

export const instances: Format = {
  name: "instances",
  summary: "seed tasks: an instruction with a list of instances of input and output",
  matches: (sample) => every(sample, (row) => hasText(row, "instruction") && Array.isArray(row.fields.instances)),
  *rows(row) {
    const instruction = text(row, "instruction").trim();
    for (const [i, one] of list(row, "instances").entries()) {
      const instance: Row = { where: `${row.where}#${i + 1}`, fields: record(one, row, "instances") };
      yield made(instance, { instruction, input: inputOf(optional(instance, "input")), output: text(instance, "output").trim() });
    }
  },
  templates: { encoderDecoder: "plain", decoderOnly: "alpaca" },
  task: "general",
};

/** Text that closes a completion in files made for GPT's trainers; the tokenizer adds the model's own end. */
const END_TEXT = /\s*<\|endoftext\|>\s*$/;

/** What prompt and completion are called: T0's and TRL's names, those of FLAN and P3 (Longpre et al. 2023), of natural instructions. */
const PAIRS: readonly (readonly [prompt: string, completion: string])[] = [
  ["prompt", "completion"],
  ["inputs", "targets"],
  ["input", "output"],
];

/** The prompt is learnt from as it stands. */
export const promptCompletion: Format = {
  name: "promptCompletion",
  summary: "rows of prompt and completion (T0), inputs and targets (FLAN, P3), or input and output",
  matches: (sample) => PAIRS.some((pair) => every(sample, (row) => hasText(row, ...pair))),
  *rows(row) {
    const normal = (value: string) => value.replace(/\r\n?/g, "\n");
    const [asked, answer] = PAIRS.find((pair) => has(row, ...pair)) ?? PAIRS.find(([name]) => has(row, name)) ?? PAIRS[0]!;
    const [prompt, completion] = [normal(text(row, asked)), normal(text(row, answer)).replace(END_TEXT, "")];
    yield made(row, { prompt, completion, instruction: prompt.trim(), input: "", output: completion.trim() });
  },
  templates: { encoderDecoder: "promptCompletion", decoderOnly: "promptCompletion" },
  task: "general",
  unanswered(fields) {
    const [, answer] = PAIRS.find(([name]) => Object.hasOwn(fields, name)) ?? PAIRS[0]!;
    return { [answer]: "", ...fields };
  },
};

/** Names of what is answered: rows that have one beside their text are questions of no known form, not whole texts. */
const ANSWERS = /^(answer|category|class|completion|intent|label|output|response|sentiment|summary|target)$/i;

/** Whole texts: for causal language models and span corruption. */
export const plainText: Format = {
  name: "text",
  summary: "a text each row",
  matches: (sample) =>
    every(sample, (row) => hasText(row, "text") && !Object.keys(row.fields).some((name) => ANSWERS.test(name))),
  *rows(row) {
    const value = text(row, "text");
    yield made(row, { text: value, instruction: "", input: "", output: value });
  },
  templates: { encoderDecoder: "text", decoderOnly: "text" },
  task: "general",
};

/** {"translation": {"en": ..., "ro": ...}} as WMT has it on the hub: from the first language to the second. */
export const translation: Format = {
  name: "translation",
  summary: "translation pairs: {translation: {en: ..., ro: ...}}",
  matches: (sample) =>
    every(
      sample,
      ({ fields: { translation: pair } }) => typeof pair === "object" && pair !== null && Object.keys(pair).length >= 2,
    ),
  *rows(row) {
    const [from, to] = Object.entries(record(row.fields.translation, row, "translation"));
    for (const [language, value] of [from!, to!])
      if (typeof value !== "string") throw wrongType(row, `translation.${language}`, value, "text");
    const names = [from![0], to![0]].map((code) => languages.of(code) ?? code);
    const [input, output] = [(from![1] as string).trim(), (to![1] as string).trim()];
    yield made(row, { from: names[0], to: names[1], instruction: `Translate ${names[0]} to ${names[1]}.`, input, output });
  },
  templates: { encoderDecoder: "translate", decoderOnly: "instruction" },
  task: "translation",
};

const languages = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });
