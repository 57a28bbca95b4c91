// One call's settings: what the caller says before what the model's file says before transformers' defaults, and what follows from them.
import { usageError } from "../errors.js";
import { checkGenerationConfig, type GenerationConfig } from "../generationConfig.js";
import type { GenerationTraits } from "./decoder.js";
import { processorsFor } from "./processors/list.js";
import type { Processor } from "./processors/processor.js";

/** Prompts of one batch. */
export interface GenerationInputs {
  rows: number;
  /** [rows, time], row-major; a decoder-only model's are padded on the left. */
  inputIds: Int32Array;
  /** [rows, time], 1 where there is a token; absent: everywhere. */
  attentionMask?: Int32Array;
}

export interface GenerateOptions extends GenerationConfig {
  /** Of sampling; default 0. The same seed gives the same tokens, whatever else is in the batch. */
  seed?: number;
  /** Number of the first row among all prompts: sampling draws by a prompt's number. Default 0. */
  firstPrompt?: number;
  /** The caller's own, run after transformers' processors and before what only sampling has. */
  processors?: readonly Processor[];
  /** Whether to give each new token's log-probability. */
  withTokenScores?: boolean;
}

export interface Settings {
  config: GenerationConfig;
  mode: "greedy" | "sample" | "beams";
  beams: number;
  /** Sequences that each prompt gives. */
  returned: number;
  eos: readonly number[];
  pad: number;
  promptLength: number;
  maxLength: number;
  /** Decoder-only, null; else the token that the decoder begins with. */
  startId: number | null;
  processors: readonly Processor[];
  seed: number;
  firstPrompt: number;
  withTokenScores: boolean;
}

const DEFAULT_NEW_TOKENS = 20;
/** Of a prompt: more is a mistake, and would fill the memory before it showed. */
const MOST_SEQUENCES = 1024;

/** Throws (usage) where settings contradict each other or the inputs. */
export function resolveSettings(
  traits: GenerationTraits,
  file: GenerationConfig | undefined,
  { seed = 0, firstPrompt = 0, processors: own = [], withTokenScores = false, ...call }: GenerateOptions,
  inputs: GenerationInputs,
): Settings {
  const given = Object.fromEntries(Object.entries(checkGenerationConfig(call)).filter(([, value]) => value !== undefined));
  const config: GenerationConfig = { ...file, ...given };
  // a length that the caller names counts, not one of another kind from the file
  if (call.maxLength !== undefined && call.maxNewTokens === undefined) delete config.maxNewTokens;
  const beams = config.numBeams ?? 1;
  const returned = config.numReturnSequences ?? 1;
  for (const [name, count] of Object.entries({ numBeams: beams, numReturnSequences: returned }))
    if (count > MOST_SEQUENCES) throw usageError(`generation: ${name} is ${count}; at most ${MOST_SEQUENCES} sequences a prompt`);
  const mode = beams > 1 ? "beams" : config.doSample ? "sample" : "greedy";
  if (mode === "greedy" && returned > 1)
    throw usageError(`generation: greedy search gives one sequence a prompt, not ${returned}; set doSample or numBeams`);
  if (mode === "beams" && returned > beams)
    throw usageError(`generation: numReturnSequences ${returned} is more than numBeams ${beams}`);
  const eos = config.eosTokenIds ?? [traits.eosTokenId];
  const time = inputs.inputIds.length / inputs.rows;
  const promptLength = traits.isEncoderDecoder ? 1 : time;
  const startId = traits.isEncoderDecoder ? (config.decoderStartTokenId ?? traits.decoderStartTokenId) : null;
  for (const [name, ids] of Object.entries(idsOf(config, eos, startId))) checkIds(name, ids, traits.vocabSize);
  return {
    ...{ config, mode, beams, returned, eos, startId, promptLength, seed, firstPrompt, withTokenScores },
    pad: config.padTokenId ?? traits.padTokenId,
    maxLength: lengthOf(config, promptLength, traits.maxPositions),
    processors: processorsFor({ config, eos, own }),
  };
}

function lengthOf({ maxNewTokens, maxLength }: GenerationConfig, promptLength: number, maxPositions: number | null): number {
  const most = maxPositions ?? Number.POSITIVE_INFINITY;
  const asked = maxNewTokens !== undefined ? promptLength + maxNewTokens : maxLength;
  const length = asked ?? Math.min(promptLength + DEFAULT_NEW_TOKENS, most);
  if (length > most) {
    throw usageError(
      `generation: a prompt of ${promptLength} tokens and ${length - promptLength} new ones exceed the model's ${most} positions; ask for at most ${Math.max(0, most - promptLength)}`,
    );
  }
  if (length <= promptLength)
    throw usageError(`generation: a length of ${length} leaves no room for new tokens after a prompt of ${promptLength}`);
  return length;
}

function idsOf(config: GenerationConfig, eos: readonly number[], startId: number | null): Record<string, readonly number[]> {
  const one = (id: number | null | undefined): readonly number[] => (id === null || id === undefined ? [] : [id]);
  return {
    "decoder start": one(startId),
    end: eos,
    padding: one(config.padTokenId),
    "forced first": one(config.forcedBosTokenId),
    "forced last": config.forcedEosTokenId ?? [],
    biased: config.sequenceBias?.flatMap(([ids]) => ids) ?? [],
    banned: config.badWordsIds?.flat() ?? [],
  };
}

function checkIds(name: string, ids: readonly number[], vocabSize: number): void {
  const wrong = ids.find((id) => id >= vocabSize);
  if (wrong !== undefined)
    throw usageError(`generation: the ${name} token ${wrong} is beyond the model's vocabulary of ${vocabSize}`);
}

/** The mask of the inputs. Throws (usage) on ids that the model has not, and on a decoder-only prompt that ends in padding. */
export function checkInputs({ rows, inputIds, attentionMask }: GenerationInputs, traits: GenerationTraits): Int32Array {
  const time = inputIds.length / rows;
  if (!Number.isInteger(time) || time < 1)
    throw usageError(
      `generation: ${inputIds.length} ids do not fill ${rows} rows; expected [rows, time] with at least one token each`,
    );
  if (attentionMask && attentionMask.length !== inputIds.length)
    throw usageError(`generation: a mask of ${attentionMask.length} values for ${inputIds.length} ids; expected one each`);
  const mask = attentionMask ?? new Int32Array(inputIds.length).fill(1);
  const wrong = inputIds.findIndex((id, i) => mask[i] !== 0 && (id < 0 || id >= traits.vocabSize));
  if (wrong >= 0)
    throw usageError(
      `generation: row ${Math.floor(wrong / time)} has the id ${inputIds[wrong]}; the model's go from 0 to ${traits.vocabSize - 1}`,
    );
  for (let row = 0; row < rows && !traits.isEncoderDecoder; row++) {
    if (mask[(row + 1) * time - 1] === 0)
      throw usageError(`generation: row ${row} ends in padding; a decoder-only model needs it on the left`);
  }
  return mask;
}
