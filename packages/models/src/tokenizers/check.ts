// What a tokenizer.json must be before a library is built from it: types and sizes are checked here, so that a wrong or hostile file ends
// in one line that names the place, not in a stack trace, a hang or gigabytes.

import { dataError, printable } from "../errors.js";
import { whyDangerous } from "./regexGuard.js";

/** The largest vocabularies in use have 260,000 tokens (mT5's 250,112). */
const MAX_TOKENS = 2_000_000;
const MAX_ID = 1 << 24;
const MAX_TOKEN_LENGTH = 10_000;
const MAX_DEPTH = 16;
const MODELS = ["Unigram", "BPE", "WordPiece"];
const PARTS = ["normalizer", "pre_tokenizer", "post_processor", "decoder"];

type Json = Readonly<Record<string, unknown>>;

/** Throws (data) for what is no tokenizer.json, naming the first thing that is wrong. */
export function checkTokenizerJson(json: Json, where: string): void {
  const fail = (what: string): never => {
    throw dataError(`${where}: ${what}; fetch tokenizer.json again`);
  };
  const { model, added_tokens: added = [] } = json;
  if (!isObject(model)) throw fail(`cannot be used: expected an object "model", found ${found(model)}`);
  // old files leave out the type; what they hold tells it
  const type = model.type ?? (Array.isArray(model.merges) ? "BPE" : Array.isArray(model.vocab) ? "Unigram" : undefined);
  if (!MODELS.includes(String(type))) fail(`model.type is ${found(model.type)}, supported are ${MODELS.join(", ")}`);
  const problem = type === "Unigram" ? unigramProblem(model) : (tableProblem(model.vocab) ?? mergesProblem(model, String(type)));
  if (problem) fail(problem);
  if (!Array.isArray(added)) fail(`added_tokens is ${found(added)}, expected a list`);
  const bad = (added as unknown[]).findIndex((token) => !isObject(token) || !isToken(token.content) || !isId(token.id));
  if (bad >= 0) fail(`added_tokens[${bad}] is ${found((added as unknown[])[bad])}, expected an id and a content`);
  if ((added as unknown[]).length > MAX_TOKENS)
    fail(`has ${(added as unknown[]).length} added tokens, at most ${MAX_TOKENS} are allowed`);
  for (const part of PARTS) {
    const value = json[part];
    if (value === undefined || value === null) continue;
    if (!isObject(value)) fail(`${part} is ${found(value)}, expected an object`);
    walk(value as Json, part, 0, fail);
  }
}

/** [[token, score], ...] and the id of the unknown one. */
function unigramProblem({ vocab, unk_id: unknown }: Json): string | null {
  if (!Array.isArray(vocab)) return `model.vocab is ${found(vocab)}, expected a list of [token, score]`;
  if (vocab.length > MAX_TOKENS) return `model.vocab has ${vocab.length} tokens, at most ${MAX_TOKENS} are allowed`;
  const bad = vocab.findIndex((entry) => !Array.isArray(entry) || !isToken(entry[0]) || !Number.isFinite(entry[1]));
  if (bad >= 0) return `model.vocab[${bad}] is ${found(vocab[bad])}, expected [token, score]`;
  const isInside = unknown === null || unknown === undefined || (isId(unknown) && unknown < vocab.length);
  return isInside ? null : `model.unk_id is ${found(unknown)}, expected the place of a token in the list`;
}

/** {token: id, ...} */
function tableProblem(vocab: unknown): string | null {
  if (!isObject(vocab)) return `model.vocab is ${found(vocab)}, expected an object {token: id}`;
  const entries = Object.entries(vocab);
  if (entries.length > MAX_TOKENS) return `model.vocab has ${entries.length} tokens, at most ${MAX_TOKENS} are allowed`;
  const bad = entries.find(([token, id]) => !isToken(token) || !isId(id));
  return bad ? `model.vocab gives "${printable(bad[0])}" the id ${found(bad[1])}, expected a whole number from 0` : null;
}

/** ["a b", ...] or [["a", "b"], ...] */
function mergesProblem({ merges }: Json, type: string): string | null {
  if (type !== "BPE") return null;
  if (!Array.isArray(merges)) return `model.merges is ${found(merges)}, expected a list of pairs`;
  if (merges.length > MAX_TOKENS) return `model.merges has ${merges.length} pairs, at most ${MAX_TOKENS} are allowed`;
  const isPair = (merge: unknown) =>
    typeof merge === "string" ? merge.includes(" ") : Array.isArray(merge) && merge.length === 2 && merge.every(isToken);
  const bad = merges.findIndex((merge) => !isPair(merge));
  return bad < 0 ? null : `model.merges[${bad}] is ${found(merges[bad])}, expected a pair`;
}

/** Every part of a step: no deeper than anyone nests them, and no pattern that could take for ever. */
function walk(value: Json | unknown[], place: string, depth: number, fail: (what: string) => never): void {
  if (depth > MAX_DEPTH) fail(`${place} is nested deeper than ${MAX_DEPTH}`);
  const items: [string, unknown][] = Array.isArray(value)
    ? value.map((item, i): [string, unknown] => [`${place}[${i}]`, item])
    : Object.entries(value).map(([key, item]): [string, unknown] => [`${place}.${printable(key, 40)}`, item]);
  for (const [at, item] of items) {
    if (at.endsWith(".Regex")) {
      const why = typeof item === "string" ? whyDangerous(item) : "is no text";
      if (why) fail(`the pattern ${at}, ${found(item)}, ${why}`);
    } else if (typeof item === "object" && item !== null) walk(item as Json, at, depth + 1, fail);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function isToken(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_TOKEN_LENGTH;
}
function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < MAX_ID;
}
function found(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean" || value === null)
    return printable(JSON.stringify(value), 60);
  return Array.isArray(value) ? `a list of ${value.length}` : "an object";
}
