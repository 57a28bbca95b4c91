// A class chosen by probability: each label is scored behind the prompt, its end token included, and the most probable one is the answer.
import {
  completionIds,
  type Opt,
  type ScoringOptions,
  type Side,
  scoreCompletions,
  type T5,
  type Tokenizer,
} from "@attune/models";
import type { Device } from "@attune/tensor";

export interface LabelledPrompt {
  prompt: string;
  /** The labels as the model writes them: after a decoder's prompt, with the space that stands before a word. */
  labels: readonly string[];
}

export interface LabelOptions extends ScoringOptions {
  /** Longest prompt in ids. */
  maxPrompt: number;
  /** The side on which a longer one is cut. */
  truncation?: Side | undefined;
}

/** Log-probabilities of every prompt's labels, in nats, and the index of the highest; of equals the first. */
export async function scoreLabels(
  device: Device,
  model: T5 | Opt,
  tokenizer: Tokenizer,
  prompts: readonly LabelledPrompt[],
  { maxPrompt, truncation, onProgress = () => {}, ...options }: LabelOptions,
): Promise<{ best: number; scores: number[] }[]> {
  const completions = prompts.flatMap(({ prompt, labels }) =>
    labels.map((completion) => completionIds(model, tokenizer, { prompt, completion }, { maxPrompt, truncation })),
  );
  const found = await scoreCompletions(device, model, completions, {
    ...options,
    onProgress: (done, total) => onProgress(Math.floor((done / total) * prompts.length), prompts.length),
  });
  let at = 0;
  return prompts.map(({ labels }) => {
    const scores = labels.map(() => found[at++]!.logProbability);
    return { best: scores.indexOf(Math.max(...scores)), scores };
  });
}
