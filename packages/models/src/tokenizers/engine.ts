// @huggingface/tokenizers with its deviations from Python's tokenizers mended, and words remembered. Its own types do not resolve
// under NodeNext (relative imports without .js), so what is used of it is declared here.

import * as library from "@huggingface/tokenizers";
import { dataError, printable } from "../errors.js";
import { byteLevelWords } from "./byteLevel.js";
import { checkTokenizerJson } from "./check.js";
import { precompiledNormalizer } from "./precompiled.js";
import { LEADING_WHITE, NOT_WHITE, TRAILING_WHITE } from "./whiteSpace.js";

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
  pre_tokenizer: PreTokenizer | null;
  model: {
    encode(words: string[]): string[];
    tokenize?(word: string): string[];
    cache?: object;
    fuse_unk?: boolean;
    tokens_to_ids: Map<string, number>;
    unk_token_id: number | undefined;
  };
}

interface PreTokenizer {
  pre_tokenize_text(text: string): string[];
  /** Of a sequence. */
  tokenizers?: PreTokenizer[];
  config?: { add_prefix_space?: boolean; use_regex?: boolean };
}

interface Normalizer {
  normalize(text: string): string;
  normalizers?: Normalizer[];
  charsmap?: unknown;
  config: { strip_left?: boolean; strip_right?: boolean };
}

type Class<T> = new (...args: never[]) => T;
const {
  Tokenizer,
  PrecompiledNormalizer,
  StripNormalizer,
  MetaspacePreTokenizer,
  ByteLevelPreTokenizer,
  WhitespaceSplitPreTokenizer,
  BPE,
} = library as unknown as {
  Tokenizer: new (json: object, settings: object) => Engine;
  PrecompiledNormalizer: Class<Normalizer>;
  StripNormalizer: Class<Normalizer>;
  MetaspacePreTokenizer: Class<object>;
  ByteLevelPreTokenizer: Class<PreTokenizer>;
  WhitespaceSplitPreTokenizer: Class<PreTokenizer>;
  BPE: Class<object>;
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
      part.normalize = (text) => (left ? text.replace(LEADING_WHITE, "") : text).replace(right ? TRAILING_WHITE : /$^/, "");
    }
  }
  if (engine.pre_tokenizer) mendPreTokenizer(engine.pre_tokenizer);
  // its own cache orders all it holds anew at every look-up, which takes longer than merging a short word
  if (engine.model instanceof BPE) engine.model.cache = new Remembered();
  if (engine.pre_tokenizer instanceof MetaspacePreTokenizer && engine.model.tokenize) splitByWord(engine);
  return engine;
}

/** White space is Unicode's, as in Python, and words are remembered. */
function mendPreTokenizer(part: PreTokenizer): void {
  for (const inner of part.tokenizers ?? []) mendPreTokenizer(inner);
  const isA = (kind: Class<PreTokenizer>) => part instanceof kind;
  if (isA(ByteLevelPreTokenizer)) {
    const { add_prefix_space: addPrefixSpace = true, use_regex: useRegex = true } = part.config ?? {};
    part.pre_tokenize_text = byteLevelWords({ addPrefixSpace, useRegex });
  } else if (isA(WhitespaceSplitPreTokenizer)) {
    part.pre_tokenize_text = (text) => text.match(NOT_WHITE) ?? [];
  }
}

/** What a word is merged to. Full, it forgets all; words that recur are back within a batch. */
class Remembered {
  readonly #words = new Map<string, string[]>();
  get(word: string): string[] | undefined {
    return this.#words.get(word);
  }
  put(word: string, tokens: string[]): void {
    if (this.#words.size >= 50_000) this.#words.clear();
    this.#words.set(word, tokens);
  }
  clear(): void {
    this.#words.clear();
  }
}

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
    return model.fuse_unk ? fuseUnknown(out, model) : out;
  };
}

/** Neighbouring unknown tokens as one, as the library does it too, but in linear time: it looks up what it has joined so far at each step. */
function fuseUnknown(tokens: readonly string[], { tokens_to_ids, unk_token_id }: Engine["model"]): string[] {
  const out: string[] = [];
  const isUnknown = (token: string) => (tokens_to_ids.get(token) ?? unk_token_id) === unk_token_id;
  for (let i = 0; i < tokens.length; ) {
    let end = i + 1;
    if (isUnknown(tokens[i]!)) while (end < tokens.length && isUnknown(tokens[end]!)) end++;
    // the unknown token's own text takes nothing in
    out.push(end - i === 1 || tokens_to_ids.get(tokens[i]!) === unk_token_id ? tokens[i]! : tokens.slice(i, end).join(""));
    i = end;
  }
  return out;
}
