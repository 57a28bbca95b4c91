// T5's pre-training objective (Raffel et al. 2020, section 3.1.4), after the T5 library's random_spans_noise_mask: about 15 % of
// the tokens, in spans of 3 on average, are replaced by one sentinel a span; the target lists the sentinels with what they hide.
//   Thank you <extra_id_0> me to your party <extra_id_1> week. </s>   ->   <extra_id_0> for inviting <extra_id_1> last </s>

import { usageError } from "../errors.js";
import type { Random } from "../random.js";

export interface NoiseOptions {
  /** Share of the tokens that is hidden. Default 0.15. */
  noiseDensity?: number;
  /** Default 3. */
  meanSpanLength?: number;
}

export interface CorruptionOptions extends NoiseOptions {
  /** sentinelIds[k] is the id of <extra_id_k>. */
  sentinelIds: readonly number[];
  eosId: number;
}

/** Numbers of hidden tokens and of spans for a text of `length` >= 2 tokens: both at least 1. */
export function noiseCounts(
  length: number,
  { noiseDensity = 0.15, meanSpanLength = 3 }: NoiseOptions = {},
): { tokens: number; spans: number } {
  const tokens = Math.min(Math.max(roundHalfEven(length * noiseDensity), 1), length - 1);
  // there is a span of kept tokens in front of every hidden one
  const spans = Math.min(Math.max(roundHalfEven(tokens / meanSpanLength), 1), length - tokens);
  return { tokens, spans };
}

/** Which of `length` >= 2 tokens are hidden. Begins with kept tokens and ends with hidden ones, as in the T5 library. */
export function noiseMask(length: number, random: Random, options: NoiseOptions = {}): boolean[] {
  if (length < 2) throw new RangeError(`noiseMask: ${length} tokens; at least 2 are needed to hide one and keep one`);
  const { tokens, spans } = noiseCounts(length, options);
  const hidden = randomSegments(tokens, spans, random);
  const kept = randomSegments(length - tokens, spans, random);
  return kept.flatMap((n, i) => [...new Array<boolean>(n).fill(false), ...new Array<boolean>(hidden[i]!).fill(true)]);
}

/** Lengths >= 1 of `segments` parts of `items`, all divisions equally likely. */
function randomSegments(items: number, segments: number, random: Random): number[] {
  // choose which of the items - 1 gaps are borders: a partial Fisher-Yates shuffle
  const gaps = Array.from({ length: items - 1 }, (_, i) => i + 1);
  for (let i = 0; i < segments - 1; i++) {
    const j = i + random.below(gaps.length - i);
    [gaps[i], gaps[j]] = [gaps[j]!, gaps[i]!];
  }
  const borders = [0, ...gaps.slice(0, segments - 1).sort((a, b) => a - b), items];
  return borders.slice(1).map((border, i) => border - borders[i]!);
}

/**
 * Hides spans of a text's ids (without end token). Both results end with eosId.
 * Throws a RangeError for less than 2 ids, and (usage) where the tokenizer has too few sentinels for the spans.
 */
export function corruptSpans(
  ids: readonly number[],
  random: Random,
  options: CorruptionOptions,
): { inputIds: number[]; labels: number[] } {
  const { sentinelIds, eosId } = options;
  const { spans } = noiseCounts(ids.length, options);
  if (spans > sentinelIds.length) {
    throw usageError(
      `span corruption: ${ids.length} tokens have ${spans} hidden spans, the tokenizer has ${sentinelIds.length} sentinels; use shorter texts`,
    );
  }
  const inputIds: number[] = [];
  const labels: number[] = [];
  let span = -1;
  noiseMask(ids.length, random, options).forEach((isHidden, i, mask) => {
    if (isHidden && !mask[i - 1]) {
      span++;
      inputIds.push(sentinelIds[span]!);
      labels.push(sentinelIds[span]!);
    }
    (isHidden ? labels : inputIds).push(ids[i]!);
  });
  return { inputIds: [...inputIds, eosId], labels: [...labels, eosId] };
}

/**
 * How long the raw text must be so that its corrupted form fills `maxSource` ids but no more, and the target's length then, both with
 * end token: the T5 library's random_spans_helper (512 gives 568 raw and 114 target ids).
 */
export function rawLength(maxSource: number, options: NoiseOptions = {}): { raw: number; source: number; target: number } {
  const lengths = (raw: number) => {
    const { tokens, spans } = noiseCounts(raw, options);
    return { raw, source: raw - tokens + spans + 1, target: tokens + spans + 1 };
  };
  let best = lengths(2);
  if (best.source > maxSource) throw new RangeError(`rawLength: maxSource is ${maxSource}, at least ${best.source} is needed`);
  for (let next = lengths(3); next.source <= maxSource; next = lengths(next.raw + 1)) best = next;
  return best;
}

/** Python's and TensorFlow's round: halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
