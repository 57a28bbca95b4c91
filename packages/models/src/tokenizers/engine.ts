// @huggingface/tokenizers with its deviations from Python's tokenizers mended, and words remembered. Its own types do not resolve
// under NodeNext (relative imports without .js), so what is used of it is declared here.

import * as library from "@huggingface/tokenizers";
import { dataError, printable } from "../errors.js";
import { checkTokenizerJson } from "./check.js";
import { precompiledNormalizer } from "./precompiled.js";

export interface Engine {
  encode(
    text: string,
    options: { add_special_tokens: boolean; text_pair?: string },
  ): { ids: (number | null | undefined)[]; tokens: string[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
  token_to_id(token: string): number | undefined;
  id_to_token(id: number): string | undefined;
  get_added_tokens_decoder(): Map<number, { id: number; content: string; special: boolean }>;
  get_vocab(): Map<string, number>;
  normalizer: Normalizer | null;
  pre_tokenizer: object | null;
  model: { encode(words: string[]): string[]; tokenize?(word: string): string[] };
}

interface Normalizer {
  normalize(text: string): string;
  normalizers?: Normalizer[];
  charsmap?: unknown;
  config: { strip_left?: boolean; strip_right?: boolean };
}

type Class<T> = new (...args: never[]) => T;
const { Tokenizer, PrecompiledNormalizer, StripNormalizer, MetaspacePreTokenizer } = library as unknown as {
  Tokenizer: new (json: object, settings: object) => Engine;
  PrecompiledNormalizer: Class<Normalizer>;
  StripNormalizer: Class<Normalizer>;
  MetaspacePreTokenizer: Class<object>;
};

/** What Python takes for granted where a file lacks it. */
const STEPS = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };

/** The engine for a parsed tokenizer.json; throws (data) where that cannot be used. */
export function openEngine(json: Readonly<Record<string, unknown>>, settings: object, where: string): Engine {
  checkTokenizerJson(json, where);
  let engine: Engine;
  try {
    engine = new Tokenizer({ ...STEPS, ...json }, settings);
  } catch (cause) {
    throw dataError(`${where}: cannot be used: ${printable(String((cause as Error).message), 160)}`, cause);
  }
  const outer = engine.normalizer;
  for (const part of outer ? (outer.normalizers ?? [outer]) : []) {
    if (part instanceof PrecompiledNormalizer && typeof part.charsmap === "string" && part.charsmap) {
      part.normalize = precompiledNormalizer(part.charsmap, where);
    } else if (part instanceof StripNormalizer) {
      const { strip_left: left, strip_right: right } = part.config;
      part.normalize = (text) => (left ? text.replace(LEADING, "") : text).replace(right ? TRAILING : /$^/, "");
    }
  }
  if (engine.pre_tokenizer instanceof MetaspacePreTokenizer && engine.model.tokenize) splitByWord(engine);
  return engine;
}

// Unicode's White_Space, as Rust has it: JavaScript's \s has U+FEFF besides and lacks U+0085
const WHITE = "[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const LEADING = new RegExp(`^${WHITE}`);
const TRAILING = new RegExp(`${WHITE}$`);

/**
 * Metaspace cuts in front of every U+2581; the library does not, and runs Viterbi over the whole text. Cutting is what Python does,
 * and lets words that recur (most do) be looked up: several times faster on dialogues.
 */
function splitByWord(engine: Engine): void {
  const { model } = engine;
  const known = new Map<string, string[]>();
  const split = (word: string): string[] => {
    let tokens = known.get(word);
    if (tokens) return tokens;
    tokens = model.tokenize!(word);
    if (word.length <= 32) {
      if (known.size >= 50_000) known.clear(); // a bound on memory; refilled within a batch
      known.set(word, tokens);
    }
    return tokens;
  };
  model.encode = (texts) => {
    const out: string[] = [];
    for (const text of texts) {
      for (const word of text.split(/(?=\u2581)/)) for (const token of split(word)) out.push(token);
    }
    return out;
  };
}
