// Generation over a validation set: batched by length, one program a shape, answers in the order of the questions.
import {
  bucketLength,
  collate,
  type Example,
  GreedyGenerator,
  lengthLadder,
  type T5,
  type Tokenizer,
  tokenizeExample,
} from "@attune/models";
import type { Device, ScratchSet } from "@attune/tensor";

export interface AnswerOptions {
  batch: number;
  maxSource: number;
  maxNewTokens: number;
  onProgress?: (done: number, total: number) => void;
}

/** The model's answer to every example's prompt. */
export async function answerAll(
  device: Device,
  model: T5,
  tokenizer: Tokenizer,
  examples: readonly Example[],
  options: AnswerOptions,
  scratch?: ScratchSet,
): Promise<string[]> {
  const { batch, maxSource, maxNewTokens, onProgress = () => {} } = options;
  const generator = new GreedyGenerator(device, model, scratch);
  const ladder = lengthLadder(maxSource);
  const tokenized = examples.map((example, index) => {
    const made = tokenizeExample(tokenizer, { ...example, completion: "" }, { maxSource, maxTarget: 1 });
    return { ...made, labels: [], index };
  });
  tokenized.sort((a, b) => b.inputIds.length - a.inputIds.length || a.index - b.index); // longest first: scratch is reserved once
  const answers = new Array<string>(examples.length).fill("");
  for (let at = 0; at < tokenized.length; at += batch) {
    const rows = tokenized.slice(at, at + batch);
    const source = bucketLength(rows[0]!.inputIds.length, ladder);
    const { inputIds, attentionMask } = collate(rows, { rows: batch, source, target: 8 }, tokenizer.padId);
    const ids = await generator.generate(inputIds, attentionMask, batch, { maxNewTokens });
    rows.forEach(({ index }, row) => {
      answers[index] = tokenizer.decode(ids[row]!).trim();
    });
    onProgress(Math.min(at + batch, tokenized.length), tokenized.length);
  }
  generator.dispose();
  return answers;
}
