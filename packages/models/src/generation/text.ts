// From prompts to answers: tokenised, padded on the side that the model wants, batched, decoded.
import { bucketLength, lengthLadder } from "../text/collate.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import type { SequenceGenerator } from "./generator.js";
import type { GenerateOptions, GenerationInputs } from "./settings.js";
import { cutAtStop, textStream } from "./textStream.js";

export interface TextOptions extends GenerateOptions {
  /** Prompts generated together. Default 8. */
  batch?: number;
  /** Longest prompt in tokens; what is longer loses its end. */
  maxPrompt: number;
}

export interface Answer {
  /** Without special tokens, up to a stop string. */
  text: string;
  /** New tokens, up to the end token. */
  ids: number[];
  /** Beams: the sequence's score. */
  score: number | null;
  /** Log-probabilities of `ids`, if asked for. */
  tokenScores: number[] | null;
}

/**
 * Prompts padded to a length that few programs serve, or (`isExact`) to the longest of them alone; a decoder-only model's on the left.
 */
export function padPrompts(
  prompts: readonly (readonly number[])[],
  maxPrompt: number,
  isLeft: boolean,
  pad: number,
  isExact = false,
): GenerationInputs {
  const longest = Math.max(...prompts.map((ids) => ids.length));
  const most = Math.max(maxPrompt, longest); // positions may end there
  const time = isExact ? longest : Math.min(most, bucketLength(longest, lengthLadder(most)));
  const inputIds = new Int32Array(prompts.length * time).fill(pad);
  const attentionMask = new Int32Array(prompts.length * time);
  prompts.forEach((ids, row) => {
    const at = row * time + (isLeft ? time - ids.length : 0);
    inputIds.set(ids, at);
    attentionMask.fill(1, at, at + ids.length);
  });
  return { rows: prompts.length, inputIds, attentionMask };
}

/** Settings that look at a prompt's tokens, its padding too: they must see no more of it than transformers' would. */
const READ_ENCODER = ["encoderRepetitionPenalty", "encoderNoRepeatNgramSize", "processors"] as const;
/** Where the prompt begins the sequence also these. */
const READ_SEQUENCE = ["minLength", "repetitionPenalty", "noRepeatNgramSize", "sequenceBias", "badWordsIds"] as const;

function readsPrompts(settings: GenerateOptions, isEncoderDecoder: boolean): boolean {
  if (READ_ENCODER.some((name) => settings[name] !== undefined)) return true;
  if (isEncoderDecoder) return false;
  const isLengthTotal = settings.maxLength !== undefined && settings.maxNewTokens === undefined;
  return isLengthTotal || READ_SEQUENCE.some((name) => settings[name] !== undefined);
}

/** The answers to each prompt, in the order of the prompts, a batch at a time as it is done. */
export async function* answerPrompts(
  generator: SequenceGenerator,
  tokenizer: Tokenizer,
  prompts: readonly string[],
  { batch = 8, maxPrompt, ...options }: TextOptions,
): AsyncGenerator<Answer[]> {
  const { firstPrompt = 0 } = options;
  for (let at = 0; at < prompts.length; at += batch) {
    const encoded = prompts.slice(at, at + batch).map((prompt) => tokenizer.encode(prompt, { maxLength: maxPrompt }));
    yield* await answerTokens(generator, tokenizer, encoded, { ...options, maxPrompt, firstPrompt: firstPrompt + at });
  }
}

/** The answers to each tokenised prompt of one batch. */
export async function answerTokens(
  generator: SequenceGenerator,
  tokenizer: Tokenizer,
  prompts: readonly (readonly number[])[],
  { maxPrompt, ...options }: TextOptions,
): Promise<Answer[][]> {
  const { traits } = generator.model;
  const isExact = readsPrompts({ ...generator.options.config, ...options }, traits.isEncoderDecoder);
  const inputs = padPrompts(prompts, maxPrompt, !traits.isEncoderDecoder, traits.padTokenId, isExact);
  const { sequences, promptLength, scores, tokenScores } = await generator.generate(inputs, options);
  const { eosTokenIds = [traits.eosTokenId], stopStrings } = { ...generator.options.config, ...options };
  const answers = sequences.map((sequence, i): Answer => {
    const made = sequence.slice(promptLength);
    const end = made.findIndex((id) => eosTokenIds.includes(id));
    const ids = end < 0 ? made : made.slice(0, end + 1);
    const text = cutAtStop(tokenizer.decode(ids), stopStrings);
    return { text, ids, score: scores?.[i] ?? null, tokenScores: tokenScores?.[i] ?? null };
  });
  const each = sequences.length / prompts.length;
  return prompts.map((_, i) => answers.slice(i * each, (i + 1) * each));
}

/** The answer to one prompt, piece by piece as it is said: for people who watch. Throws (usage) for beams. */
export async function* streamAnswer(
  generator: SequenceGenerator,
  tokenizer: Tokenizer,
  prompt: string,
  { maxPrompt, ...options }: Omit<TextOptions, "batch">,
): AsyncGenerator<string> {
  const { traits } = generator.model;
  const ids = tokenizer.encode(prompt, { maxLength: maxPrompt });
  const isExact = readsPrompts({ ...generator.options.config, ...options }, traits.isEncoderDecoder);
  const inputs = padPrompts([ids], maxPrompt, !traits.isEncoderDecoder, traits.padTokenId, isExact);
  const { eosTokenIds = [traits.eosTokenId], stopStrings } = { ...generator.options.config, ...options };
  const stream = textStream(tokenizer, stopStrings);
  for await (const [made] of generator.stream(inputs, { ...options, numReturnSequences: 1 })) {
    const end = made!.findIndex((id) => eosTokenIds.includes(id));
    const piece = stream.push(end < 0 ? made! : made!.slice(0, end + 1));
    if (piece !== "") yield piece;
    if (stream.isStopped) return;
  }
  const rest = stream.end();
  if (rest !== "") yield rest;
}
