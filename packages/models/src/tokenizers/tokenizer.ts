// Text to token ids and back, by a model's tokenizer.json. Ids, texts and truncation are those of Python's tokenizers.

import { dataError, printable, usageError } from "../errors.js";
import { decodeUtf8, type FileSource, readJsonObject } from "../source.js";
import type { Side } from "./batch.js";
import { openEngine } from "./engine.js";
import { gpt2TokenizerJson } from "./gpt2.js";
import { fencedJson, fencedText, LITERAL_MARK } from "./literal.js";

export interface EncodeOptions {
  /** Whether the template's tokens are added (T5: </s> at the end). Default true. */
  addSpecialTokens?: boolean;
  /** At most this many ids; the text is cut, the template's tokens stay. Throws (usage) when they alone do not fit. */
  maxLength?: number;
  /** The end of a text that is lost when it is too long. Default: the tokenizer's truncationSide. */
  truncation?: Side;
  /** A second text, joined as the template of pairs says. */
  pair?: string;
}

/** Ids with the pieces of text that they stand for; an unknown id keeps the piece that it could not spell. */
export interface Encoded {
  ids: number[];
  tokens: string[];
}

export interface DecodeOptions {
  /** Default true. */
  skipSpecialTokens?: boolean;
}

export interface Tokenizer {
  /** Special tokens written in the text become those tokens, as in Hugging Face; those that literalText marked stay text. */
  encode(text: string, options?: EncodeOptions): number[];
  tokenize(text: string, options?: Omit<EncodeOptions, "maxLength" | "truncation">): Encoded;
  /** Ids that have no token (T5 has 28 more embedding rows than tokens) are left out. */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** Largest id + 1. A model may have more rows, never fewer. */
  readonly vocabSize: number;
  readonly padId: number;
  readonly eosId: number;
  readonly unkId?: number;
  /** Of the begin token, where the tokenizer names one (OPT: that of the end). */
  readonly bosId?: number;
  /** Where a text loses tokens and where a batch gets padding, as tokenizer_config.json says; right where it does not. */
  readonly truncationSide: Side;
  readonly paddingSide: Side;
  /** The texts that are special tokens. */
  readonly specialTokens: readonly string[];
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
  /** T5: sentinelIds[k] is the id of <extra_id_k>; absent where the tokenizer has none. */
  readonly sentinelIds?: readonly number[];
}

/** The parsed files of a tokenizer: what createTokenizer takes, also in another thread. */
export interface TokenizerFiles {
  json: Record<string, unknown>;
  settings: Record<string, unknown>;
  where: string;
}

/** A tokenizer.json larger than this is none. */
const MAX_BYTES = 256 << 20;

/**
 * Reads tokenizer.json, or vocab.json and merges.txt, and, where they are there, tokenizer_config.json and special_tokens_map.json.
 * Throws (data).
 */
export async function loadTokenizer(source: FileSource): Promise<Tokenizer> {
  const { json, settings, where } = await readTokenizerFiles(source);
  return createTokenizer(json, settings, where);
}

/** What loadTokenizer reads. Throws (data). */
export async function readTokenizerFiles(source: FileSource): Promise<TokenizerFiles> {
  const optional = async (path: string): Promise<Record<string, unknown>> =>
    (await source.has(path)) ? readJsonObject(source, path) : {};
  const settings = { ...(await optional("special_tokens_map.json")), ...(await optional("tokenizer_config.json")) };
  const where = source.describe("tokenizer.json");
  if (await source.has("tokenizer.json")) {
    if ((await source.size("tokenizer.json")) > MAX_BYTES) throw dataError(`${where}: too large for a tokenizer's file`);
    return { json: await readJsonObject(source, "tokenizer.json"), settings, where };
  }
  const [hasVocab, hasMerges] = [await source.has("vocab.json"), await source.has("merges.txt")];
  if (hasVocab && hasMerges) {
    const merges = decodeUtf8(await source.read("merges.txt"), source.describe("merges.txt"));
    const [vocab, added] = [await readJsonObject(source, "vocab.json"), await optional("added_tokens.json")];
    const beginsWithBos = (await optional("config.json")).model_type === "opt";
    const folder = source.describe("");
    return {
      json: gpt2TokenizerJson({ vocab, merges, settings, added, beginsWithBos, where: folder }),
      settings,
      where: source.describe("vocab.json"),
    };
  }
  if (hasVocab || hasMerges) {
    const [there, lacking] = hasVocab ? ["vocab.json", "merges.txt"] : ["merges.txt", "vocab.json"];
    throw dataError(`${source.describe("")}: has ${there} but no ${lacking}, which belong together; fetch it, or tokenizer.json`);
  }
  if (await source.has("spiece.model")) {
    throw dataError(
      `${source.describe("")}: has spiece.model but no tokenizer.json, which is needed: fetch it from where the model is from (t5 and flan-t5 have it on the hub), or write it in Python: AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)`,
    );
  }
  throw dataError(`${where}: no such file; expected the model's tokenizer there`);
}

/** A Tokenizer from the parsed files; `settings` are the fields of tokenizer_config.json. Throws (data). */
export function createTokenizer(
  json: Record<string, unknown>,
  settings: Record<string, unknown> = {},
  where = "tokenizer.json",
): Tokenizer {
  const engine = openEngine(json, settings, where);
  const added = engine.get_added_tokens_decoder();
  const specialIds = new Set([...added.values()].filter((token) => token.special).map((token) => token.id));
  const vocabSize = [...engine.get_vocab().values()].reduce((largest, id) => Math.max(largest, id), -1) + 1;

  /** The id of a role's token: as the settings name it, else by its usual name. */
  const roleId = (role: string, usual: string): number | undefined => {
    const setting = settings[role];
    const content =
      typeof setting === "string" ? setting : ((setting as { content?: unknown } | null | undefined)?.content ?? usual);
    return engine.token_to_id(String(content));
  };
  const eosId = roleId("eos_token", "</s>");
  const padId = roleId("pad_token", "<pad>");
  if (eosId === undefined || padId === undefined) {
    throw dataError(
      `${where}: has no ${eosId === undefined ? "end" : "padding"} token; expected ${eosId === undefined ? "eos_token" : "pad_token"} in tokenizer_config.json to name one of its tokens`,
    );
  }
  const sentinelIds: number[] = [];
  for (let id = engine.token_to_id("<extra_id_0>"); id !== undefined; id = engine.token_to_id(`<extra_id_${sentinelIds.length}>`))
    sentinelIds.push(id);

  const specialTokens = [...added.values()].filter((token) => token.special).map(({ content }) => content);
  let literal: ReturnType<typeof openEngine> | undefined;
  /** Ids and pieces of marked text, without the template's tokens; its engine is made when the first one comes. */
  const encodeMarked = (text: string) => {
    literal ??= openEngine(fencedJson(json, specialTokens), {}, where);
    return literal.encode(fencedText(text, specialTokens), { add_special_tokens: false });
  };

  const encodeBoth = (text: string, addSpecial: boolean, pair?: string): Encoded => {
    for (const given of pair === undefined ? [text] : [text, pair]) {
      if (typeof given !== "string") throw dataError(`expected a text, found ${printable(String(given))}`); // from JavaScript, or a file
    }
    const isMarked = !addSpecial && text.includes(LITERAL_MARK);
    const { ids, tokens } = isMarked
      ? encodeMarked(text)
      : engine.encode(text, { add_special_tokens: addSpecial, ...(pair === undefined ? {} : { text_pair: pair }) });
    if (ids.some((id) => id === undefined || id === null)) {
      throw dataError(`${where}: cannot spell "${printable(text)}" and has no unknown token`);
    }
    return { ids: ids as number[], tokens };
  };
  const encodeRaw = (text: string, addSpecial: boolean): number[] => encodeBoth(text, addSpecial).ids;
  const sideOf = (field: string): Side => (settings[field] === "left" ? "left" : "right");
  const truncationSide = sideOf("truncation_side");
  // what the template puts around a text, found once: T5 nothing and </s>, OPT </s> and nothing
  const bare = encodeRaw("a", false);
  const full = encodeRaw("a", true);
  const before = full.findIndex((_, i) => bare.every((id, j) => full[i + j] === id));
  const prefix = full.slice(0, before);
  const suffix = full.slice(before + bare.length);

  return {
    vocabSize,
    padId,
    eosId,
    unkId: roleId("unk_token", "<unk>"),
    ...(sentinelIds.length ? { sentinelIds } : {}),
    specialTokens,
    tokenToId: (token) => engine.token_to_id(token),
    idToToken: (id) => engine.id_to_token(id),
    bosId: settings.bos_token === undefined || settings.bos_token === null ? undefined : roleId("bos_token", ""),
    truncationSide,
    paddingSide: sideOf("padding_side"),
    tokenize: (text, { addSpecialTokens = true, pair } = {}) => encodeBoth(text, addSpecialTokens, pair),
    encode(text, { addSpecialTokens = true, maxLength = Infinity, truncation = truncationSide, pair } = {}) {
      if (pair !== undefined) {
        const { ids } = encodeBoth(text, addSpecialTokens, pair);
        if (ids.length <= maxLength) return ids;
        throw usageError(
          `a pair has ${ids.length} ids, more than maxLength ${maxLength}: cut its texts, since nothing says which`,
        );
      }
      const [head, tail] = addSpecialTokens ? [prefix, suffix] : [[], []];
      const room = maxLength - head.length - tail.length;
      if (!(room >= 0))
        throw usageError(
          `maxLength ${maxLength} leaves no room for the ${head.length + tail.length} special tokens around a text`,
        );
      const ids = encodeRaw(text, false);
      const kept = ids.length <= room ? ids : truncation === "left" ? ids.slice(ids.length - room) : ids.slice(0, room);
      return [...head, ...kept, ...tail];
    },
    decode(ids, { skipSpecialTokens = true } = {}) {
      const known: number[] = [];
      for (const id of ids)
        if (engine.id_to_token(id) !== undefined && !(skipSpecialTokens && specialIds.has(id))) known.push(id);
      // skip_special_tokens stays off: the engine would compare texts; clean-up would turn " ." into "."
      return known.length === 0 ? "" : engine.decode(known, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
    },
  };
}

/** Refuses (data) a tokenizer with ids beyond a model's embedding rows, which a device would silently clamp. */
export function checkTokenizerFits(tokenizer: Tokenizer, rows: number, where: string): void {
  if (tokenizer.vocabSize <= rows) return;
  const token = tokenizer.idToToken(tokenizer.vocabSize - 1) ?? "";
  throw dataError(
    `${where}: the tokenizer has ids up to ${tokenizer.vocabSize - 1} ("${printable(token)}"), the model has ${rows} rows; they do not belong together`,
  );
}
