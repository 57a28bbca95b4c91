// When a sequence ends, other than by its length.
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import type { Settings } from "./settings.js";

/**
 * Whether a sequence ends with its last token: an end token, or a stop string in the text of what is new, across tokens too. As in
 * transformers the token that completes a stop string stays, with what it says beyond it.
 */
export function endsBy(
  { config, eos, promptLength }: Settings,
  tokenizer: Tokenizer | null,
): (ids: readonly number[]) => boolean {
  const { stopStrings = [] } = config;
  if (stopStrings.length === 0) return (ids) => eos.includes(ids.at(-1)!);
  // a text of n characters lies in at most n tokens that give any; some to spare for those that give none
  const window = 2 * Math.max(...stopStrings.map((text) => text.length)) + 16;
  return (ids) => {
    if (eos.includes(ids.at(-1)!)) return true;
    const text = tokenizer!.decode(ids.slice(Math.max(promptLength, ids.length - window)));
    return stopStrings.some((stop) => text.includes(stop));
  };
}

/** Says whether a call's seconds are over. */
export function timer(seconds: number | undefined): () => boolean {
  if (seconds === undefined) return () => false;
  const end = performance.now() + 1000 * seconds;
  return () => performance.now() >= end;
}
