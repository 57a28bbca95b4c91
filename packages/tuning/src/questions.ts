// What makes two rows the same question, so that one of them is never asked of a model that was trained on the other.

import { type Example, withoutMarks } from "@attune/models";

/** The prompt, whatever its blanks and case. Of templates with several phrasings see questionKey. */
export function promptKey({ prompt }: Pick<Example, "prompt">): string {
  return folded(prompt);
}

/**
 * The texts that a row puts into its prompt, whatever their blanks and case, and whichever phrasing the seed drew for it.
 * @param names fields that the set's prompts use; the prompt itself where all of them are blank
 */
export function questionKey(example: Pick<Example, "prompt" | "fields">, names: readonly string[]): string {
  const { fields } = example;
  const texts = names.map((name) => folded(Object.hasOwn(fields, name) ? fields[name]! : "")).filter((text) => text !== "");
  return texts.length > 0 ? texts.join("\n") : promptKey(example);
}

const folded = (text: string): string => withoutMarks(text).trim().replace(/\s+/g, " ").toLowerCase();
