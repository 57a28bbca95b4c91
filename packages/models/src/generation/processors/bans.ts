// Processors that forbid tokens, or allow but some.
import { endsWith } from "./penalties.js";
import { ban, force, type Processor } from "./processor.js";

/** No n-gram may occur twice in the sequence (Paulus et al. 2017). */
export function noRepeatNgrams(size: number): Processor {
  return (scores, { ids }) => ban(scores, continuations(ids, ids, size));
}

/** No n-gram of the encoder's input may occur in the output. */
export function encoderNoRepeatNgrams(size: number): Processor {
  return (scores, { ids, encoderIds }) => ban(scores, continuations(encoderIds, ids, size));
}

/** The tokens that would complete an n-gram of `text`, given the end of `ids`. */
function* continuations(text: readonly number[], ids: readonly number[], size: number): Generator<number> {
  const length = size - 1;
  if (ids.length < length) return;
  const end = ids.length - length;
  next: for (let i = 0; i + length < text.length; i++) {
    for (let j = 0; j < length; j++) if (text[i + j] !== ids[end + j]) continue next;
    yield text[i + length]!;
  }
}

/** Sequences that may not occur; one that is an end token alone may, as in transformers. */
export function badWords(sequences: readonly (readonly number[])[], eos: readonly number[]): Processor {
  const banned = sequences.filter((sequence) => !(sequence.length === 1 && eos.includes(sequence[0]!)));
  return (scores, { ids }) => {
    for (const sequence of banned) if (endsWith(ids, sequence.slice(0, -1))) ban(scores, [sequence.at(-1)!]);
  };
}

/** No end before the whole sequence, prompt and all, has this length. */
export function minLength(length: number, eos: readonly number[]): Processor {
  return (scores, { ids }) => {
    if (ids.length < length) ban(scores, eos);
  };
}

/** No end before so many new tokens. */
export function minNewTokens(count: number, eos: readonly number[]): Processor {
  return (scores, { ids, promptLength }) => {
    if (ids.length - promptLength < count) ban(scores, eos);
  };
}

/** The first token after a start token. */
export function forcedBos(id: number): Processor {
  return (scores, { ids }) => {
    if (ids.length === 1) force(scores, [id]);
  };
}

/** The last token before the longest length. */
export function forcedEos(eos: readonly number[]): Processor {
  return (scores, { ids, maxLength }) => {
    if (ids.length === maxLength - 1) force(scores, eos);
  };
}

export function suppress(tokens: readonly number[]): Processor {
  return (scores) => ban(scores, tokens);
}

/** Tokens that may not come first; after a forced one, not second. */
export function beginSuppress(tokens: readonly number[], forcedBosTokenId: number | undefined): Processor {
  return (scores, { ids, promptLength }) => {
    const begin = promptLength > 1 || forcedBosTokenId === undefined ? promptLength : promptLength + 1;
    if (ids.length === begin) ban(scores, tokens);
  };
}
