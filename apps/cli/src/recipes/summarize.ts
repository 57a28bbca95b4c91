// Generation over a validation set: batched by length, one program a shape, answers in the order of the questions.
import {
  answerTokens,
  type Example,
  type GenerationConfig,
  type GenerativeModel,
  promptIds,
  SequenceGenerator,
  type Side,
  type Tokenizer,
} from "@attune/models";
import type { Device, ScratchSet } from "@attune/tensor";

export type Repeats = Pick<GenerationConfig, "noRepeatNgramSize" | "repetitionPenalty">;

/** What a run's eval says of repetitions. */
export const repeatsOf = ({ noRepeatNgramSize, repetitionPenalty }: Required<Repeats>): Repeats => ({
  ...(noRepeatNgramSize > 0 ? { noRepeatNgramSize } : {}),
  ...(repetitionPenalty !== 1 ? { repetitionPenalty } : {}),
});

export interface AnswerOptions {
  batch: number;
  maxSource: number;
  /** The side on which a longer prompt is cut. Default: as promptIds has it. */
  truncation?: Side | undefined;
  maxNewTokens: number;
  /** Default 1: greedy search. */
  numBeams?: number;
  /** Against answers that go round in circles. Default: nothing. */
  repeats?: Repeats | undefined;
  signal?: AbortSignal | undefined;
  onProgress?: (done: number, total: number) => void;
}

/** The model's most likely answer, as greedy or beam search finds it, to every example's prompt. Throws the signal's reason between two batches. */
export async function answerAll(
  device: Device,
  model: GenerativeModel,
  tokenizer: Tokenizer,
  examples: readonly Example[],
  options: AnswerOptions,
  scratch?: ScratchSet,
): Promise<string[]> {
  const { batch, maxSource, truncation, maxNewTokens, numBeams = 1, repeats = {}, signal, onProgress = () => {} } = options;
  const generator = new SequenceGenerator(device, model, { scratch });
  const tokenized = examples.map(({ prompt }, index) => {
    const inputIds = promptIds(tokenizer, prompt, maxSource, model.traits.isEncoderDecoder, truncation);
    return { inputIds, index };
  });
  tokenized.sort((a, b) => b.inputIds.length - a.inputIds.length || a.index - b.index); // longest first: scratch is reserved once
  const answers = new Array<string>(examples.length).fill("");
  try {
    for (let at = 0; at < tokenized.length; at += batch) {
      signal?.throwIfAborted();
      const rows = tokenized.slice(at, at + batch);
      const prompts = rows.map(({ inputIds }) => inputIds);
      const found = await answerTokens(generator, tokenizer, prompts, {
        maxPrompt: maxSource,
        maxNewTokens,
        numBeams,
        ...repeats,
      });
      rows.forEach(({ index }, row) => {
        answers[index] = found[row]![0]!.text.trim();
      });
      onProgress(Math.min(at + batch, tokenized.length), tokenized.length);
    }
  } finally {
    generator.dispose();
  }
  return answers;
}
