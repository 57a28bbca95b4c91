// Examples beside what a model answered to them, as a run's files keep them.
import type { Example } from "@attune/models";
import { readable } from "./score.js";

/** A line of samples.jsonl and of evaluations/step-N.jsonl. */
export interface AnsweredSample {
  id: string;
  prompt: string;
  /** Several where more than one answer is right. */
  reference: string | readonly string[];
  output: string;
}

/** All right answers of a row. */
export function referencesOf({ references, completion }: Example): readonly string[] {
  return references && references.length > 0 ? references.map(readable) : [readable(completion)];
}

/** Examples with what was answered to them. */
export function answeredSamples(examples: readonly Example[], answers: readonly string[]): AnsweredSample[] {
  return examples.map((example, i) => {
    const [reference, ...others] = referencesOf(example);
    const { id, prompt } = example;
    return { id, prompt, reference: others.length > 0 ? [reference!, ...others] : reference!, output: readable(answers[i]!) };
  });
}

export const sampleLines = (samples: readonly AnsweredSample[]): string =>
  samples.map((sample) => `${JSON.stringify(sample)}\n`).join("");
