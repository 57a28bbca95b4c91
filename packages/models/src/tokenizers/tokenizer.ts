// Text to token ids and back, by a model's tokenizer.json. Ids, texts and truncation are those of Python's tokenizers.

import { dataError, printable, usageError } from "../errors.js";
import { type FileSource, readJsonObject } from "../source.js";
import { openEngine } from "./engine.js";

export interface EncodeOptions {
  /** Whether the template's tokens are added (T5: </s> at the end). Default true. */
  addSpecialTokens?: boolean;
  /** At most this many ids; the text is cut, the template's tokens stay. Throws (usage) when they alone do not fit. */
  maxLength?: number;
}

export interface DecodeOptions {
  /** Default true. */
  skipSpecialTokens?: boolean;
}

export interface Tokenizer {
  /** Special tokens written in the text become those tokens, as in Hugging Face. */
  encode(text: string, options?: EncodeOptions): number[];
  /** Ids that have no token (T5 has 28 more embedding rows than tokens) are left out. */
  decode(ids: Iterable<number>, options?: DecodeOptions): string;
  /** Largest id + 1. A model may have more rows, never fewer. */
  readonly vocabSize: number;
  readonly padId: number;
  readonly eosId: number;
  readonly unkId?: number;
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
  /** T5: sentinelIds[k] is the id of <extra_id_k>; absent where the tokenizer has none. */
  readonly sentinelIds?: readonly number[];
}

/** Reads tokenizer.json and, where they are there, tokenizer_config.json and special_tokens_map.json. Throws (data). */
export async function loadTokenizer(source: FileSource): Promise<Tokenizer> {
  if (!(await source.has("tokenizer.json"))) {
    for (const other of ["spiece.model", "vocab.json"]) {
      if (await source.has(other)) {
        throw dataError(
          `${source.describe("")}: has ${other} but no tokenizer.json, which is needed; transformers' AutoTokenizer.save_pretrained writes it`,
        );
      }
    }
    throw dataError(`${source.describe("tokenizer.json")}: no such file; expected the model's tokenizer there`);
  }
  const json = await readJsonObject(source, "tokenizer.json");
  const optional = async (path: string) => ((await source.has(path)) ? readJsonObject(source, path) : {});
  const settings = { ...(await optional("special_tokens_map.json")), ...(await optional("tokenizer_config.json")) };
  return createTokenizer(json, settings, source.describe("tokenizer.json"));
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

  const encodeRaw = (text: string, addSpecial: boolean): number[] => {
    const { ids } = engine.encode(text, { add_special_tokens: addSpecial });
    if (ids.some((id) => id === undefined || id === null)) {
      throw dataError(`${where}: cannot spell "${printable(text)}" and has no unknown token`);
    }
    return ids as number[];
  };
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
    tokenToId: (token) => engine.token_to_id(token),
    idToToken: (id) => engine.id_to_token(id),
    encode(text, { addSpecialTokens = true, maxLength = Infinity } = {}) {
      const [head, tail] = addSpecialTokens ? [prefix, suffix] : [[], []];
      const room = maxLength - head.length - tail.length;
      if (!(room >= 0))
        throw usageError(
          `maxLength ${maxLength} leaves no room for the ${head.length + tail.length} special tokens around a text`,
        );
      const ids = encodeRaw(text, false);
      return [...head, ...(ids.length > room ? ids.slice(0, room) : ids), ...tail];
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
