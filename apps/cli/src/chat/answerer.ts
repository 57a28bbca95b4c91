// Answers from a base model and from the same model with its adapter; the weights of the base lie on the device once.
import { type GenerateOptions, type SequenceGenerator, streamAnswer, type Tokenizer } from "@attune/models";
import type { Answerer } from "./session.js";

export interface AnswererOptions {
  settings: GenerateOptions;
  maxNewTokens: number;
  maxPrompt: number;
  stopStrings: readonly string[];
}

export function answererOf(
  { adapted, base }: { adapted: SequenceGenerator | null; base: SequenceGenerator },
  tokenizer: Tokenizer,
  { settings, maxNewTokens, maxPrompt, stopStrings }: AnswererOptions,
): Answerer {
  const { maxPositions } = base.model.traits;
  // a decoder's prompt and answer share its positions
  const room = Math.max(1, Math.min(maxPrompt, (maxPositions ?? Number.POSITIVE_INFINITY) - maxNewTokens));
  return {
    hasAdapter: adapted !== null,
    room,
    count: (prompt) => tokenizer.encode(prompt).length,
    stream: (prompt, { withAdapter, turn }) =>
      streamAnswer((withAdapter && adapted) || base, tokenizer, prompt, {
        ...settings,
        ...(stopStrings.length > 0 ? { stopStrings: [...stopStrings] } : {}),
        firstPrompt: turn,
        maxPrompt: room,
      }),
  };
}
