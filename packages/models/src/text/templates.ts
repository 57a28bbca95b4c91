// The templates that runs may name. All of them use the fields that every format has (instruction, input, output) or those of one format.

import { printable, usageError } from "../errors.js";
import type { PromptTemplate, TemplateForm } from "./promptTemplate.js";

/** Prompts whose completion is always the same. */
const asking = (completion: string, ...prompts: string[]): TemplateForm[] => prompts.map((prompt) => ({ prompt, completion }));
/** A form for rows with an input, and one for rows without. */
const withInput = (completion: string, full: string, bare: string): TemplateForm[] => [
  { prompt: full, completion, needs: ["input"] },
  { prompt: bare, completion },
];

const ALPACA = "Below is an instruction that describes a task";
const REQUEST = "Write a response that appropriately completes the request.";

const GENERAL: Readonly<Record<string, Omit<PromptTemplate, "name">>> = {
  plain: { forms: withInput("{output}", "{instruction}\n\n{input}", "{instruction}") },
  instruction: {
    forms: withInput(
      "{output}",
      "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n",
      "### Instruction:\n{instruction}\n\n### Response:\n",
    ),
  },
  // Taori et al. 2023, word for word: models that were tuned on it know it
  alpaca: {
    forms: withInput(
      "{output}",
      `${ALPACA}, paired with an input that provides further context. ${REQUEST}\n\n### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n`,
      `${ALPACA}. ${REQUEST}\n\n### Instruction:\n{instruction}\n\n### Response:\n`,
    ),
  },
  chainOfThought: {
    forms: asking("{reasoning}\nThe answer is {answer}.", "{question}\nLet's think step by step.\n"),
    answerAfter: "The answer is",
  },
  chat: { forms: asking(" {output}", "{conversation}\nAssistant:") },
  promptCompletion: { forms: asking("{completion}", "{prompt}") },
  text: { forms: asking("", "{text}") },
  // T5's own prefixes (Raffel et al. 2020, appendix D)
  summarize: { forms: asking("{output}", "summarize: {input}") },
  squad: { forms: asking("{answer}", "question: {question} context: {context}") },
  translate: { forms: asking("{output}", "translate {from} to {to}: {input}") },
};

/** Phrasings of a task, in our own words, as FLAN has lists of them (Wei et al. 2022): a row takes one by the seed. */
const FLAN: Readonly<Record<string, readonly TemplateForm[]>> = {
  summarization: asking(
    "{output}",
    "{input}\n\nWhat is this dialogue about, in short?",
    "Read the conversation and say in a few sentences what happens.\n\n{input}",
    "{input}\n\nGive a summary of the conversation above.",
    "Here is a dialogue:\n{input}\n\nSummary:",
    "Someone missed this conversation. Tell them what was said:\n\n{input}",
    "{input}\n\nSum up the main points of this dialogue.",
  ),
  sentiment: asking(
    "{output}",
    "{input}\n\nIs this negative, neutral or positive for an investor?",
    "How does this piece of financial news sound: negative, neutral or positive?\n\n{input}",
    "Sentence: {input}\nSentiment (negative, neutral, positive):",
    "Judge the sentiment of the following sentence as negative, neutral or positive.\n{input}",
    "{input}\nWould you call that negative, neutral or positive?",
  ),
  questions: asking(
    "{output}",
    "{input}\n\nAnswer:",
    "Please answer this.\n\n{input}",
    "{input}\n\nWhat is the answer?",
    "Give the answer to the following.\n{input}",
  ),
  translation: asking(
    "{output}",
    "Translate from {from} to {to}:\n\n{input}",
    "{input}\n\nHow do you say that in {to}?",
    "{from}: {input}\n{to}:",
    "Put this {from} text into {to}.\n{input}",
  ),
  general: [
    ...["{instruction}\n\n{input}", "{instruction}\nInput: {input}\nOutput:", "{input}\n\n{instruction}"].map((prompt) => ({
      prompt,
      completion: "{output}",
      needs: ["input"],
    })),
    ...asking("{output}", "{instruction}", "Task: {instruction}\nAnswer:", "Please do the following: {instruction}"),
  ],
};

export const TEMPLATE_NAMES: readonly string[] = [...Object.keys(GENERAL), "flan"];

/**
 * A template by name; "flan" is the list of phrasings of a task. Throws (usage) with all names.
 * @param task of the format: summarization, sentiment, questions, translation, general
 */
export function templateNamed(name: string, task = "general"): PromptTemplate {
  if (name === "flan") return { name: `flan ${task}`, forms: FLAN[task] ?? FLAN.general! };
  const found = Object.hasOwn(GENERAL, name) ? GENERAL[name] : undefined;
  if (found) return { name, ...found };
  throw usageError(`no template "${printable(name)}"; known are ${TEMPLATE_NAMES.join(", ")}`);
}
