// What tuning and evaluation pass around: rows of a data set, examples made from them, and their token ids.

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
  /** What did not fit and was cut off at the end. */
  isSourceCut: boolean;
  isTargetCut: boolean;
}

export interface LengthLimits {
  /** Most ids of the input, end token included. */
  maxSource: number;
  /** Most ids of the labels, end token included. */
  maxTarget: number;
}

/** Source and target ids of an example for T5; what is too long loses its end, never its end token. */
export function tokenizeExample(
  tokenizer: Tokenizer,
  { id, prompt, completion }: Example,
  { maxSource, maxTarget }: LengthLimits,
): TokenizedExample {
  const source = tokenizer.encode(prompt);
  const target = tokenizer.encode(completion);
  const isSourceCut = source.length > maxSource;
  const isTargetCut = target.length > maxTarget;
  return {
    id,
    // encoded again only where it must be cut: only the tokenizer knows which of its tokens have to stay
    inputIds: isSourceCut ? tokenizer.encode(prompt, { maxLength: maxSource }) : source,
    labels: isTargetCut ? tokenizer.encode(completion, { maxLength: maxTarget }) : target,
    isSourceCut,
    isTargetCut,
  };
}
