// A row to its example, and to further versions of it where data.augment asks for them.
import {
  type Example,
  literalText,
  type PromptTemplate,
  type Row,
  readMessages,
  type Tokenizer,
  usageError,
} from "@attune/models";
import type { ChatRenderer } from "@attune/models/node";
import { otherOrder, otherSpeakers, versionSeed } from "@attune/tuning";
import type { Run } from "../run/schema.js";
import type { RunSet } from "./runSets.js";

/** The example of a row as it is, and its other versions. */
export type Versions = [Example, ...Example[]];

export interface VersionRenderer {
  /** Row number `index` of its set. Throws (data). */
  render(row: Row, index: number): Promise<Versions>;
  /** Throws (usage) where an augmentation changed no row at all. */
  finish(path: string): void;
}

/** The field that speakers are looked for in. */
const DIALOGUE = "dialogue";

/** @param isTraining validation rows have no versions. Throws (usage) for phrasings of a template that has one. */
export function renderVersions(
  { data, train }: Run,
  { compiled, name }: RunSet,
  tokenizer: Tokenizer,
  chat: ChatRenderer | undefined,
  isTraining: boolean,
): VersionRenderer {
  const augment = isTraining ? data.augment : null;
  if (augment?.phrasings && !hasPhrasings(compiled.template))
    throw usageError(
      `data.augment.phrasings: the template ${compiled.template.name} says a row in one way; name flan, or give a list of prompts`,
    );
  const count = augment?.versions ?? 1;
  let spoken = 0;

  const { specialTokens } = tokenizer;
  const exampleOf = (row: Row, index: number, seed: number): Promise<Example> =>
    chatPrompt(compiled.render(row, index, { seed, specialTokens, trustedFields: data.trustedFields }), row, tokenizer, chat);

  return {
    async render(row, index) {
      const own: Row = name === undefined ? row : { ...row, task: name };
      const versions: Versions = [await exampleOf(own, index, train.seed)];
      for (let version = 1; version < count; version++) {
        const seed = versionSeed(train.seed, version, index);
        const spokenBy = augment!.speakers ? otherSpeakers(own, DIALOGUE, seed) : own;
        if (spokenBy !== own) spoken++;
        const example = await exampleOf(spokenBy, index, augment!.phrasings ? seed : train.seed);
        versions.push(augment!.order ? { ...example, prompt: otherOrder(example.prompt, seed) } : example);
      }
      return versions;
    },
    finish(path) {
      if (augment?.speakers && spoken === 0)
        throw usageError(
          `data.augment.speakers: no row of ${path} has a field "${DIALOGUE}" in which at least two speak, a line each`,
        );
    },
  };
}

/** The example with the prompt that the model's own chat template makes of the row's messages; as it is, where either is missing. */
export async function chatPrompt(
  example: Example,
  { fields, where }: Row,
  { specialTokens }: Tokenizer,
  chat: ChatRenderer | undefined,
): Promise<Example> {
  if (!chat || fields.messages === undefined) return example;
  const messages = readMessages(fields.messages, where);
  const safe = messages.map(({ role, content }) => ({ role, content: literalText(content, specialTokens) }));
  const tools = Array.isArray(fields.tools) ? fields.tools : undefined;
  return { ...example, prompt: await chat.render(safe, { tools }), completion: example.completion.trimStart() };
}

/** Whether the seed ever has a choice: two forms for rows of the same fields. */
function hasPhrasings({ forms }: PromptTemplate): boolean {
  const needs = forms.map((form) => JSON.stringify([...(form.needs ?? [])].sort()));
  return new Set(needs).size < needs.length;
}
