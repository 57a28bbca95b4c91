// What a data file holds, as far as `attune init` needs to know it: its format, and for rows of no known format which fields to ask and
// to answer with.
import { type Row, usageError } from "@attune/models";
import { type Dataset, openDataset, readRows } from "@attune/tuning/node";

export interface DataLook {
  /** Of the rows' format; null where none is known, and a template is needed. */
  format: { name: string; summary: string } | null;
  rows: number;
  /** Whether there are more than were counted. */
  isMore: boolean;
  /** Names in the first row. */
  fields: string[];
  /** Tokens that 95 of 100 prompts and answers do not exceed, by their characters. */
  promptTokens: number;
  answerTokens: number;
  /** Of rows of no known format: the fields that are most likely asked and answered. */
  guess: { prompt: string; answer: string } | null;
}

export const TASKS = ["general", "summarize", "classify", "answer", "rewrite"] as const;
export type Task = (typeof TASKS)[number];

/** How each task is asked of rows that are only fields, in T5's manner of a prefix. */
export const ASKING: Readonly<Record<Task, string>> = {
  general: "",
  summarize: "summarize: ",
  classify: "classify: ",
  answer: "question: ",
  rewrite: "rewrite: ",
};

const PROMPT_FIELDS = [
  "prompt",
  "instruction",
  "question",
  "input",
  "source",
  "text",
  "sentence",
  "dialogue",
  "document",
  "article",
  "review",
  "message",
  "content",
  "query",
  "context",
];
const ANSWER_FIELDS = [
  "completion",
  "response",
  "answer",
  "output",
  "target",
  "summary",
  "label",
  "highlights",
  "category",
  "class",
  "sentiment",
  "intent",
  "title",
];
/** Enough for a first run's settings; a large file is not read to its end. */
const MOST_ROWS = 20_000;
const CHARACTERS_PER_TOKEN = 3; // of T5's and GPT-2's tokenizers on English, 4; other text takes more

/** Throws (data) where the file cannot be read or has no rows. */
export async function lookAtData(path: string): Promise<DataLook> {
  const known = await openKnown(path);
  const lengths: { prompt: number; answer: number }[] = [];
  let first: Row | undefined;
  let guess: DataLook["guess"] = null;
  let rows = 0;
  for await (const row of known ? known.rows() : readRows(path, {})) {
    first ??= row;
    if (rows === 0 && !known) guess = guessFields(Object.keys(row.fields));
    if (rows++ === MOST_ROWS) break;
    if (lengths.length < 2000) lengths.push(lengthsOf(row, known ? null : guess));
  }
  if (!first) throw usageError(`${path}: has no rows`);
  return {
    format: known && { name: known.format.name, summary: known.format.summary },
    rows: Math.min(rows, MOST_ROWS),
    isMore: rows > MOST_ROWS,
    fields: Object.keys(first.fields),
    promptTokens: tokensOf(lengths.map(({ prompt }) => prompt)),
    answerTokens: tokensOf(lengths.map(({ answer }) => answer)),
    guess,
  };
}

/** null where the file can be read and no format is known for its rows. */
async function openKnown(path: string): Promise<Dataset | null> {
  try {
    return await openDataset(path);
  } catch (error) {
    if (/no known format has the fields/.test((error as Error).message)) return null;
    throw error;
  }
}

/** By their names; of two fields with names that say nothing, the first is asked and the last answered. */
export function guessFields(fields: readonly string[]): DataLook["guess"] {
  const find = (names: readonly string[], but?: string) =>
    names
      .map((name) => fields.find((field) => field.toLowerCase() === name && field !== but))
      .find((field) => field !== undefined);
  const answer = find(ANSWER_FIELDS) ?? (fields.length === 2 ? fields[1] : undefined);
  const prompt = find(PROMPT_FIELDS, answer) ?? (fields.length === 2 ? fields.find((field) => field !== answer) : undefined);
  return prompt !== undefined && answer !== undefined ? { prompt, answer } : null;
}

/** Normalised rows say what is asked and answered as instruction, input, output; some formats have more around it. */
function lengthsOf({ fields }: Row, guess: DataLook["guess"]): { prompt: number; answer: number } {
  const size = (...names: string[]) =>
    names.reduce((sum, name) => sum + (typeof fields[name] === "string" ? fields[name].length + 1 : 0), 0);
  if (guess) return { prompt: size(guess.prompt), answer: size(guess.answer) };
  const answer = size("output") || size("answer") || size("completion");
  return { prompt: size("instruction", "input", "context") || size("prompt", "question", "text"), answer };
}

/** In steps of 32, with room for a template around it; [32, 512]. */
function tokensOf(characters: readonly number[]): number {
  const sorted = [...characters].sort((a, b) => a - b);
  const most = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.95))] ?? 0;
  return Math.min(512, Math.max(32, Math.ceil((most / CHARACTERS_PER_TOKEN + 8) / 32) * 32));
}
