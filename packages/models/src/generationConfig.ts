// How to generate: transformers' settings by their names in camelCase, read from generation_config.json, from a caller, or from both.
// One table says what each is called in the file and what it may be; a wrong value is refused wherever it comes from.

import { dataError, listSome, nearest, printable, usageError } from "./errors.js";
import { type FileSource, readJsonObject } from "./source.js";

/** Settings of a call or a file; what neither names has transformers' default. */
export interface GenerationConfig {
  /** New tokens at most; it goes before maxLength. */
  maxNewTokens?: number;
  /** Length at most, the prompt (T5: the start token) counted. Without either: 20 new tokens. */
  maxLength?: number;
  minNewTokens?: number;
  /** The prompt counted, its padding too. */
  minLength?: number;
  /** Seconds after which every row stops. */
  maxTime?: number;
  /** A row stops once its text holds one of these. */
  stopStrings?: readonly string[];

  doSample?: boolean;
  numBeams?: number;
  numReturnSequences?: number;
  /** Beams: divides a sequence's score by its length to this power. */
  lengthPenalty?: number;
  earlyStopping?: boolean | "never";

  temperature?: number;
  /** 0: off. transformers samples from the best 50 unless told otherwise. */
  topK?: number;
  topP?: number;
  topH?: number;
  minP?: number;
  typicalP?: number;
  epsilonCutoff?: number;
  etaCutoff?: number;

  repetitionPenalty?: number;
  encoderRepetitionPenalty?: number;
  noRepeatNgramSize?: number;
  encoderNoRepeatNgramSize?: number;
  badWordsIds?: readonly (readonly number[])[];
  /** Added to the score of a sequence's last token where the ones before it stand at the end. */
  sequenceBias?: readonly (readonly [readonly number[], number])[];
  forcedBosTokenId?: number;
  forcedEosTokenId?: readonly number[];
  removeInvalidValues?: boolean;
  /** [after how many new tokens, factor a token] */
  exponentialDecayLengthPenalty?: readonly [number, number];
  suppressTokens?: readonly number[];
  beginSuppressTokens?: readonly number[];
  renormalizeLogits?: boolean;

  padTokenId?: number;
  bosTokenId?: number;
  /** Any of these ends a sequence; empty: none does. */
  eosTokenIds?: readonly number[];
  decoderStartTokenId?: number;
}

/** What a setting may be, and how the file's form becomes ours. */
interface Kind {
  expected: string;
  /** The value in our form, or undefined where it is none. */
  read(value: unknown): unknown;
}

const kind = (expected: string, test: (value: never) => boolean): Kind => ({
  expected,
  read: (value) => (test(value as never) ? value : undefined),
});
const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const WHOLE = kind("a whole number", isWhole);
const POSITIVE_WHOLE = kind("a whole number above 0", (value: unknown) => isWhole(value) && value > 0);
const ANY_NUMBER = kind("a number", isNumber);
const POSITIVE = kind("a number above 0", (value: unknown) => isNumber(value) && value > 0);
const SHARE = kind("a number from 0 to 1", (value: unknown) => isNumber(value) && value >= 0 && value <= 1);
const POSITIVE_SHARE = kind("a number above 0, at most 1", (value: unknown) => isNumber(value) && value > 0 && value <= 1);
const CUTOFF = kind("a number from 0 to below 1", (value: unknown) => isNumber(value) && value >= 0 && value < 1);
const FLAG = kind("true or false", (value: unknown) => typeof value === "boolean");
const ID = kind("a token id", isWhole);
const isIds = (value: unknown): value is number[] => Array.isArray(value) && value.every(isWhole);
const IDS = kind("a list of token ids", isIds);
const ID_OR_IDS: Kind = {
  expected: "a token id or a list of them",
  read: (value) => (isWhole(value) ? [value] : isIds(value) ? value : undefined),
};
const ID_LISTS = kind(
  "a list of lists of token ids",
  (value: unknown) => Array.isArray(value) && value.every((ids) => isIds(ids) && ids.length > 0),
);
const STRINGS: Kind = {
  expected: "a text or a list of them, none empty",
  read(value) {
    const list = typeof value === "string" ? [value] : value;
    return Array.isArray(list) && list.every((text) => typeof text === "string" && text !== "") ? list : undefined;
  },
};
const BIASES = kind(
  "a list of [token ids, number]",
  (value: unknown) =>
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && isIds(pair[0]) && pair[0].length > 0 && isNumber(pair[1])),
);
const DECAY = kind(
  "[whole number, number above 0]",
  (value: unknown) => Array.isArray(value) && value.length === 2 && isWhole(value[0]) && isNumber(value[1]) && value[1] > 0,
);

/** Every setting: its name in generation_config.json, and what it may be. */
const SETTINGS: { readonly [Name in keyof Required<GenerationConfig>]: readonly [string, Kind] } = {
  maxNewTokens: ["max_new_tokens", POSITIVE_WHOLE],
  maxLength: ["max_length", POSITIVE_WHOLE],
  minNewTokens: ["min_new_tokens", WHOLE],
  minLength: ["min_length", WHOLE],
  maxTime: ["max_time", POSITIVE],
  stopStrings: ["stop_strings", STRINGS],
  doSample: ["do_sample", FLAG],
  numBeams: ["num_beams", POSITIVE_WHOLE],
  numReturnSequences: ["num_return_sequences", POSITIVE_WHOLE],
  lengthPenalty: ["length_penalty", ANY_NUMBER],
  earlyStopping: ["early_stopping", kind('true, false or "never"', (v: unknown) => typeof v === "boolean" || v === "never")],
  temperature: ["temperature", POSITIVE],
  topK: ["top_k", WHOLE],
  topP: ["top_p", SHARE],
  topH: ["top_h", POSITIVE_SHARE],
  minP: ["min_p", SHARE],
  typicalP: ["typical_p", POSITIVE_SHARE],
  epsilonCutoff: ["epsilon_cutoff", CUTOFF],
  etaCutoff: ["eta_cutoff", CUTOFF],
  repetitionPenalty: ["repetition_penalty", POSITIVE],
  encoderRepetitionPenalty: ["encoder_repetition_penalty", POSITIVE],
  noRepeatNgramSize: ["no_repeat_ngram_size", WHOLE],
  encoderNoRepeatNgramSize: ["encoder_no_repeat_ngram_size", WHOLE],
  badWordsIds: ["bad_words_ids", ID_LISTS],
  sequenceBias: ["sequence_bias", BIASES],
  forcedBosTokenId: ["forced_bos_token_id", ID],
  forcedEosTokenId: ["forced_eos_token_id", ID_OR_IDS],
  removeInvalidValues: ["remove_invalid_values", FLAG],
  exponentialDecayLengthPenalty: ["exponential_decay_length_penalty", DECAY],
  suppressTokens: ["suppress_tokens", IDS],
  beginSuppressTokens: ["begin_suppress_tokens", IDS],
  renormalizeLogits: ["renormalize_logits", FLAG],
  padTokenId: ["pad_token_id", ID],
  bosTokenId: ["bos_token_id", ID],
  eosTokenIds: ["eos_token_id", ID_OR_IDS],
  decoderStartTokenId: ["decoder_start_token_id", ID],
};
const ENTRIES = Object.entries(SETTINGS) as [keyof GenerationConfig, readonly [string, Kind]][];

/** What a file may ask for that changes the output and that nothing here computes, unless it has the value that changes nothing. */
const UNSUPPORTED: Readonly<Record<string, readonly unknown[]>> = {
  guidance_scale: [1],
  penalty_alpha: [0],
  num_beam_groups: [1],
  diversity_penalty: [0],
  dola_layers: [],
  watermarking_config: [],
  force_words_ids: [],
  constraints: [],
};

/** Reads generation_config.json's fields; null and unknown ones count as absent. Throws (data) naming every wrong or unsupported one. */
export function readGenerationConfig(
  json: Readonly<Record<string, unknown>>,
  where = "generation_config.json",
): GenerationConfig {
  const problems: string[] = [];
  const config: Record<string, unknown> = {};
  for (const [name, [inFile, { read, expected }]] of ENTRIES) {
    const given = json[inFile];
    if (given === undefined || given === null) continue;
    config[name] = read(given);
    if (config[name] === undefined) problems.push(`${inFile} is ${shown(given)}, expected ${expected}`);
  }
  for (const [name, same] of Object.entries(UNSUPPORTED)) {
    const given = json[name];
    if (given === undefined || given === null || same.includes(given)) continue;
    problems.push(`${name} is ${shown(given)}, which is not supported; leave it out`);
  }
  if (problems.length > 0) throw dataError(`${where}: ${problems.join("; ")}`);
  return config as GenerationConfig;
}

/** A folder's generation_config.json, or undefined where it has none. Throws (data). */
export async function openGenerationConfig(source: FileSource): Promise<GenerationConfig | undefined> {
  if (!(await source.has("generation_config.json"))) return undefined;
  return readGenerationConfig(await readJsonObject(source, "generation_config.json"), source.describe("generation_config.json"));
}

/** A caller's settings, checked as a file's are. Throws (usage) naming every wrong or unknown one. */
export function checkGenerationConfig(given: GenerationConfig): GenerationConfig {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(given)) {
    const setting = SETTINGS[name as keyof GenerationConfig] as readonly [string, Kind] | undefined;
    if (!setting) {
      const near = nearest(name, Object.keys(SETTINGS));
      problems.push(`no setting named ${printable(name)}${near ? `; did you mean ${near}?` : ""}`);
    } else if (value !== undefined && setting[1].read(value) === undefined) {
      problems.push(`${name} is ${shown(value)}, expected ${setting[1].expected}`);
    }
  }
  if (problems.length > 0) throw usageError(`generation: ${problems.join("; ")}`);
  return given;
}

/** The file's content; what is unset stays out. */
export function writeGenerationConfig(config: GenerationConfig): Record<string, unknown> {
  const fields = ENTRIES.flatMap(([name, [inFile]]) => {
    const value = config[name];
    if (value === undefined) return [];
    const isSingle = Array.isArray(value) && value.length === 1 && SETTINGS[name][1] === ID_OR_IDS;
    return [[inFile, isSingle ? value[0] : value] as const];
  });
  const sorted = fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return { _from_model_config: true, ...Object.fromEntries(sorted), use_cache: true };
}

/** What contradicts itself, for the user to know before it surprises; nothing of it stops generation. */
export function generationWarnings(config: GenerationConfig): string[] {
  const { padTokenId, eosTokenIds = [], doSample = false, numBeams = 1 } = config;
  const warnings: string[] = [];
  if (padTokenId !== undefined && eosTokenIds.includes(padTokenId))
    warnings.push(
      `padding and the end are one token (${padTokenId}): a model trained with padding left out of the loss never learns to end`,
    );
  const sampling = (["temperature", "topP", "minP", "topH", "typicalP", "epsilonCutoff", "etaCutoff"] as const).filter(
    (name) => config[name] !== undefined && config[name] !== OFF[name],
  );
  if (!doSample && sampling.length > 0) warnings.push(`${listSome(sampling)} only counts when sampling; set doSample`);
  const beams = (["lengthPenalty", "earlyStopping"] as const).filter(
    (name) => config[name] !== undefined && config[name] !== OFF[name],
  );
  if (numBeams === 1 && beams.length > 0) warnings.push(`${listSome(beams)} only counts with beams; set numBeams`);
  return warnings;
}

/** Values that change nothing. */
const OFF: Partial<Record<keyof GenerationConfig, unknown>> = {
  ...{ temperature: 1, topP: 1, typicalP: 1, epsilonCutoff: 0, etaCutoff: 0, lengthPenalty: 1, earlyStopping: false },
};

function shown(value: unknown): string {
  return printable(String(JSON.stringify(value)));
}
