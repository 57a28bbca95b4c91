// What tuning and evaluation pass around: rows of a data set, examples made from them, and their token ids.

import type { Side } from "../tokenizers/batch.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";

/** One record of a data set as it was read. */
export interface Row {
  /** Where it stands, for messages: "train.jsonl:17". */
  where: string;
  fields: Readonly<Record<string, unknown>>;
  /** The set that it is from, in a mixture. */
  task?: string;
}

/** A task for the model in text: complete `prompt` by `completion`. */
export interface Example {
  id: string;
  prompt: string;
  completion: string;
  /** The row's text fields, e.g. several references for evaluation. */
  fields: Readonly<Record<string, string>>;
  /** All right answers, where the row has several. */
  references?: readonly string[];
  /** The set that it is from, in a mixture. */
  task?: string;
}

/** Ids of an encoder-decoder example. Labels are the completion with its end token; a decoder-only model has -100 for the prompt. */
export interface TokenizedExample {
  id: string;
  inputIds: readonly number[];
  labels: readonly number[];
  /** What did not fit and was cut off. */
  isSourceCut: boolean;
  isTargetCut: boolean;
}

export interface LengthLimits {
  /** Most ids of the input, end token included. */
  maxSource: number;
  /** Most ids of the labels, end token included. */
  maxTarget: number;
  /** The side on which a prompt is cut. Default: the tokenizer's. */
  truncation?: Side;
}

/**
 * Ids of a prompt, at most `maxPrompt`; the template's tokens stay.
 * @param truncation the side on which its text is cut. Default: before an encoder as the tokenizer says; before a decoder, which goes on
 *   from a prompt's end, "left"
 */
export function promptIds(
  tokenizer: Tokenizer,
  prompt: string,
  maxPrompt: number,
  isEncoderDecoder: boolean,
  truncation: Side = isEncoderDecoder ? tokenizer.truncationSide : "left",
): number[] {
  return tokenizer.encode(prompt, { maxLength: maxPrompt, truncation });
}

/** Source and target ids of an example for T5; what is too long is cut, the completion at its end, and neither loses its end token. */
export function tokenizeExample(
  tokenizer: Tokenizer,
  { id, prompt, completion }: Example,
  { maxSource, maxTarget, truncation = tokenizer.truncationSide }: LengthLimits,
): TokenizedExample {
  const source = tokenizer.encode(prompt);
  const target = tokenizer.encode(completion);
  const isSourceCut = source.length > maxSource;
  const isTargetCut = target.length > maxTarget;
  return {
    id,
    // encoded again only where it must be cut: only the tokenizer knows which of its tokens have to stay
    inputIds: isSourceCut ? tokenizer.encode(prompt, { maxLength: maxSource, truncation }) : source,
    labels: isTargetCut ? tokenizer.encode(completion, { maxLength: maxTarget, truncation: "right" }) : target,
    isSourceCut,
    isTargetCut,
  };
}
