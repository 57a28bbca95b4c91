// Generation over a validation set: batched by length, one program a shape, answers in the order of the questions.
import { answerTokens, type Example, type GenerativeModel, SequenceGenerator, type Tokenizer } from "@attune/models";
import type { Device, ScratchSet } from "@attune/tensor";

export interface AnswerOptions {
  batch: number;
  maxSource: number;
  maxNewTokens: number;
  /** Default 1: greedy search. */
  numBeams?: number;
  signal?: AbortSignal | undefined;
  onProgress?: (done: number, total: number) => void;
}

/** What is too long loses its end before an encoder; before a decoder, which goes on from there, its beginning behind the first id. */
function promptIds(tokenizer: Tokenizer, prompt: string, most: number, isEncoderDecoder: boolean): number[] {
  if (isEncoderDecoder) return tokenizer.encode(prompt, { maxLength: most });
  const ids = tokenizer.encode(prompt);
  return ids.length <= most ? ids : [...ids.slice(0, 1), ...ids.slice(ids.length - most + 1)];
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
  const { batch, maxSource, maxNewTokens, numBeams = 1, signal, onProgress = () => {} } = options;
  const generator = new SequenceGenerator(device, model, { scratch });
  const tokenized = examples.map(({ prompt }, index) => {
    return { inputIds: promptIds(tokenizer, prompt, maxSource, model.traits.isEncoderDecoder), index };
  });
  tokenized.sort((a, b) => b.inputIds.length - a.inputIds.length || a.index - b.index); // longest first: scratch is reserved once
  const answers = new Array<string>(examples.length).fill("");
  try {
    for (let at = 0; at < tokenized.length; at += batch) {
      signal?.throwIfAborted();
      const rows = tokenized.slice(at, at + batch);
      const prompts = rows.map(({ inputIds }) => inputIds);
      const found = await answerTokens(generator, tokenizer, prompts, { maxPrompt: maxSource, maxNewTokens, numBeams });
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
