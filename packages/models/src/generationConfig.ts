// generation_config.json: how a model wants to generate, where the caller does not say otherwise.

import { dataError, printable } from "./errors.js";
import { type FileSource, readJsonObject } from "./source.js";

/** The part that greedy search needs; beams and sampling read more. */
export interface GenerationConfig {
  decoderStartTokenId?: number;
  padTokenId?: number;
  /** Any of these ends a sequence. */
  eosTokenIds: number[];
  /** New tokens at most, when given; else maxLength counts. */
  maxNewTokens?: number;
  /** transformers' default, 20: in T5 that is 20 new tokens (the start token is not counted when the field is untouched). */
  maxLength: number;
}

/** Reads generation_config.json's fields. Throws (data) naming the wrong one. */
export function readGenerationConfig(
  json: Readonly<Record<string, unknown>>,
  where = "generation_config.json",
): GenerationConfig {
  const whole = (name: string, value: unknown): number => {
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    throw dataError(`${where}: ${name} is ${printable(String(JSON.stringify(value)))}, expected a whole number`);
  };
  const optional = (name: string) => (json[name] === undefined || json[name] === null ? undefined : whole(name, json[name]));
  const eos = json.eos_token_id ?? [];
  return {
    decoderStartTokenId: optional("decoder_start_token_id"),
    padTokenId: optional("pad_token_id"),
    eosTokenIds: (Array.isArray(eos) ? eos : [eos]).map((id) => whole("eos_token_id", id)),
    maxNewTokens: optional("max_new_tokens"),
    maxLength: optional("max_length") ?? 20,
  };
}

/** A folder's generation_config.json, or undefined where it has none. Throws (data). */
export async function openGenerationConfig(source: FileSource): Promise<GenerationConfig | undefined> {
  if (!(await source.has("generation_config.json"))) return undefined;
  return readGenerationConfig(await readJsonObject(source, "generation_config.json"), source.describe("generation_config.json"));
}

/** The file's content; fields that are unset stay out. */
export function writeGenerationConfig(config: GenerationConfig): Record<string, unknown> {
  const { decoderStartTokenId, eosTokenIds, padTokenId, maxNewTokens, maxLength } = config;
  return {
    _from_model_config: true,
    ...(decoderStartTokenId === undefined ? {} : { decoder_start_token_id: decoderStartTokenId }),
    eos_token_id: eosTokenIds.length === 1 ? eosTokenIds[0] : eosTokenIds,
    ...(maxLength === 20 ? {} : { max_length: maxLength }),
    ...(maxNewTokens === undefined ? {} : { max_new_tokens: maxNewTokens }),
    ...(padTokenId === undefined ? {} : { pad_token_id: padTokenId }),
    use_cache: true,
  };
}
