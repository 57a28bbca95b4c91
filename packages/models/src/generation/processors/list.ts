// Which processors a configuration asks for, in transformers' order (generation/utils.py, _get_logits_processor).
import type { GenerationConfig } from "../../generationConfig.js";
import {
  badWords,
  beginSuppress,
  encoderNoRepeatNgrams,
  forcedBos,
  forcedEos,
  minLength,
  minNewTokens,
  noRepeatNgrams,
  suppress,
} from "./bans.js";
import {
  encoderRepetitionPenalty,
  exponentialDecay,
  removeInvalid,
  renormalize,
  repetitionPenalty,
  sequenceBias,
} from "./penalties.js";
import type { Processor } from "./processor.js";
import { epsilonCutoff, etaCutoff, minP, temperature, topH, topK, topP, typicalP } from "./warpers.js";

/** transformers samples from the best so many unless told otherwise. */
export const DEFAULT_TOP_K = 50;

export interface ProcessorSetup {
  config: GenerationConfig;
  eos: readonly number[];
  /** The caller's own: after transformers' processors, before what only sampling has. */
  own: readonly Processor[];
}

/** Every processor that changes something, in the order in which they run. */
export function processorsFor({ config, eos, own }: ProcessorSetup): Processor[] {
  const c = config;
  const beams = c.numBeams ?? 1;
  const atLeast = beams > 1 ? eos.length + 1 : 1; // a beam must find a way to go on
  const isEnded = eos.length > 0;
  const on = <T>(value: T | undefined, make: (value: T) => Processor, isOff: (value: T) => boolean = () => false): Processor[] =>
    value === undefined || isOff(value) ? [] : [make(value)];
  const isOne = (value: number): boolean => value === 1;
  const isZero = (value: number): boolean => value === 0;
  const isEmpty = (list: readonly unknown[]): boolean => list.length === 0;
  const ofEnd = isEnded ? on : (): Processor[] => [];
  return [
    ...on(c.sequenceBias, sequenceBias, isEmpty),
    ...on(c.encoderRepetitionPenalty, encoderRepetitionPenalty, isOne),
    ...on(c.repetitionPenalty, repetitionPenalty, isOne),
    ...on(c.noRepeatNgramSize, noRepeatNgrams, isZero),
    ...on(c.encoderNoRepeatNgramSize, encoderNoRepeatNgrams, isZero),
    ...on(c.badWordsIds, (words) => badWords(words, eos), isEmpty),
    ...ofEnd(c.minLength, (length) => minLength(length, eos), isZero),
    ...ofEnd(c.minNewTokens, (count) => minNewTokens(count, eos), isZero),
    ...on(c.forcedBosTokenId, forcedBos),
    ...on(c.forcedEosTokenId, forcedEos, isEmpty),
    ...(c.removeInvalidValues ? [removeInvalid] : []),
    ...ofEnd(c.exponentialDecayLengthPenalty, (decay) => exponentialDecay(decay, eos)),
    ...on(c.suppressTokens, suppress, isEmpty),
    ...on(c.beginSuppressTokens, (tokens) => beginSuppress(tokens, c.forcedBosTokenId), isEmpty),
    ...own,
    ...(c.doSample
      ? [
          ...on(c.temperature, temperature, isOne),
          ...on(c.topH, topH),
          ...on(c.topK ?? DEFAULT_TOP_K, (k) => topK(k, atLeast), isZero),
          ...on(c.topP, (p) => topP(p, atLeast), isOne),
          ...on(c.minP, (p) => minP(p, atLeast)),
          ...on(c.typicalP, (p) => typicalP(p, atLeast), isOne),
          ...on(c.epsilonCutoff, (epsilon) => epsilonCutoff(epsilon, atLeast), isZero),
          ...on(c.etaCutoff, (epsilon) => etaCutoff(epsilon, atLeast), isZero),
        ]
      : []),
    ...(c.renormalizeLogits ? [renormalize] : []),
  ];
}
