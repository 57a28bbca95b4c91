// How a line that a person types becomes a prompt: as the model was taught (attune_template.json), else by the model's own chat template,
// else as it is (encoder-decoders) or as a conversation in plain text (decoder-only models).
import { type ChatMessage, conversationText, dataError, literalText, type PromptTemplate, parseTemplate } from "@attune/models";
import { openChatTemplate, readChatTemplate } from "@attune/models/node";
import type { GenerationFiles } from "../recipes/generate.js";
import { openStoredTemplate } from "../recipes/storedTemplate.js";

export interface Turn {
  user: string;
  assistant: string;
}

export interface Prompting {
  /** For people: how their lines are asked. */
  about: string;
  /** Whether earlier turns are part of a prompt. */
  hasHistory: boolean;
  /** Where an answer ends besides the end token. */
  stopStrings: readonly string[];
  /** Throws (data) for a line that the template cannot take. */
  prompt(turns: readonly Turn[], line: string, system: string | null): Promise<string>;
  close(): Promise<void>;
}

const NEXT_SPEAKER = ["\nUser:"];
const nothing = async (): Promise<void> => {};

/** Throws (data) for templates that are none. */
export async function openPrompting(files: GenerationFiles): Promise<Prompting> {
  const { template } = files;
  if (template) return template.name === "chat" ? ofConversations(files, template) : ofRows(files, template);
  const own = await readChatTemplate(files.folder.source);
  if (own) {
    const chat = openChatTemplate(own, files.folder.source.describe("tokenizer_config.json"));
    return {
      about: "a conversation, through the model's own chat template",
      hasHistory: true,
      stopStrings: [],
      prompt: (turns, line, system) => chat.render(messagesOf(turns, line, system, files.tokenizer.specialTokens)),
      close: () => chat.close(),
    };
  }
  if (files.folder.kind === "t5")
    return {
      about: "each line by itself, as it is: the model has no template",
      hasHistory: false,
      stopStrings: [],
      prompt: async (_, line, system) => withSystem(line, system),
      close: nothing,
    };
  return {
    about: "a conversation in plain text (User: ... Assistant:): the model has no template",
    hasHistory: true,
    stopStrings: NEXT_SPEAKER,
    prompt: async (turns, line, system) =>
      `${conversationText(messagesOf(turns, line, system, files.tokenizer.specialTokens))}\nAssistant:`,
    close: nothing,
  };
}

/** A model that was taught conversations. */
async function ofConversations(files: GenerationFiles, template: PromptTemplate): Promise<Prompting> {
  const stored = await openStoredTemplate(template, { tokenizer: files.tokenizer, tokenizerFiles: files.folder.source });
  return {
    about: "a conversation, as the model was taught",
    hasHistory: true,
    stopStrings: NEXT_SPEAKER,
    // the stored template marks special tokens itself
    prompt: (turns, line, system) =>
      stored.ask({ where: "this line", fields: { messages: messagesOf(turns, line, system, []) } }, 0),
    close: () => stored.close(),
  };
}

/** A model that was taught rows of a task: each line is a row by itself. */
async function ofRows(files: GenerationFiles, template: PromptTemplate): Promise<Prompting> {
  const stored = await openStoredTemplate(template, { tokenizer: files.tokenizer, tokenizerFiles: files.folder.source });
  const fields = fieldsOf(template);
  const [only] = fields;
  const json = `{${fields.map((name) => `"${name}": "..."`).join(", ")}}`;
  return {
    about: `each line by itself through the model's template "${template.name}": ${fields.length === 1 ? `the line is its ${only}` : `a line is a row, ${json}`}`,
    hasHistory: false,
    stopStrings: [],
    async prompt(_, line, system) {
      const row = rowOf(line) ?? (fields.length === 1 ? { [only!]: line.replaceAll("\\n", "\n") } : null);
      if (!row) throw dataError(`the model was taught rows of ${fields.join(", ")}: give them as JSON on one line, ${json}`);
      return withSystem(await stored.ask({ where: "this line", fields: row }, 0), system);
    },
    close: () => stored.close(),
  };
}

/** Of the form that needs the fewest. */
function fieldsOf({ forms }: PromptTemplate): readonly string[] {
  const each = forms.map(({ prompt }) => parseTemplate(prompt).fields);
  return each.reduce((least, fields) => (fields.length < least.length ? fields : least));
}

/** A line that is a JSON object is a row. */
function rowOf(line: string): Record<string, unknown> | null {
  if (!line.startsWith("{")) return null;
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
}

function messagesOf(
  turns: readonly Turn[],
  line: string,
  system: string | null,
  specialTokens: readonly string[],
): ChatMessage[] {
  const said = (role: ChatMessage["role"], content: string): ChatMessage => ({
    role,
    content: specialTokens.length > 0 ? literalText(content, specialTokens) : content,
  });
  return [
    ...(system === null ? [] : [said("system", system)]),
    ...turns.flatMap(({ user, assistant }) => [said("user", user), said("assistant", assistant)]),
    said("user", line),
  ];
}

const withSystem = (prompt: string, system: string | null): string => (system === null ? prompt : `${system}\n\n${prompt}`);
