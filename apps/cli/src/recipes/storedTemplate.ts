// The template that lies beside a model's weights: rows are put to the model as it was taught, by their format, template, solved examples
// and, in conversations, the model's own chat template.
import {
  type CompiledTemplate,
  compileTemplate,
  dataError,
  type Example,
  fittingShots,
  listSome,
  type PromptTemplate,
  printable,
  type Row,
  type Tokenizer,
  tasksOf,
  usageError,
  withShots,
} from "@attune/models";
import { type ChatRenderer, openChatTemplate, readChatTemplate } from "@attune/models/node";
import { FORMATS, type Format } from "@attune/tuning";
import type { ModelFiles } from "./model.js";
import { chatPrompt } from "./versions.js";

/** Draws phrasings where the template has several. */
const SEED = 42;

export interface StoredPrompts {
  template: PromptTemplate;
  /** Of the rows that the model was taught with. */
  format: Format;
  /** The prompt for row number `index`, which needs no answer. Throws (data) naming row and field. */
  ask(row: Row, index: number): Promise<string>;
  /** The example of a row in its format's normal form, with its answer. Throws (data). */
  example(row: Row, index: number): Promise<Example>;
  close(): Promise<void>;
}

/**
 * Throws (data) for a format that this program does not have, (usage) where several tasks were taught and none was chosen.
 * @param maxPrompt ids beyond which a prompt has fewer solved examples
 */
export async function openStoredTemplate(
  template: PromptTemplate,
  {
    tokenizer,
    tokenizerFiles,
    maxPrompt = Infinity,
  }: { tokenizer: Tokenizer; tokenizerFiles: ModelFiles["tokenizerFiles"]; maxPrompt?: number },
): Promise<StoredPrompts> {
  if (template.others && template.others.length > 0)
    throw usageError(
      `${tokenizerFiles.describe("")}: the model was taught several tasks: ${listSome(tasksOf(template).map((task) => printable(task)))}; name one with --task-template`,
    );
  const name = template.format ?? "rows";
  const format = FORMATS.find((one) => one.name === name);
  if (!format)
    throw dataError(
      `${tokenizerFiles.describe("")}: its template is for rows of the format "${printable(name)}", which is not known here`,
    );
  const compiled = compileTemplate(template, "the model's template");
  const found = template.name === "chat" ? await readChatTemplate(tokenizerFiles) : undefined;
  const chat = found && (await openChatTemplate(found, tokenizerFiles.describe("tokenizer_config.json")));

  const example = async (row: Row, index: number, isQuestion = false): Promise<Example> => {
    const options = { seed: SEED, specialTokens: tokenizer.specialTokens, isQuestion };
    const plain = await chatPrompt(compiled.render(row, index, options), row, tokenizer, chat);
    const { shots, separator } = template;
    if (!shots) return plain;
    const fits = (prompt: string) => maxPrompt === Infinity || tokenizer.encode(prompt).length <= maxPrompt;
    return { ...plain, prompt: withShots(plain.prompt, fittingShots(plain.prompt, shots, separator, fits), separator) };
  };
  return {
    template,
    format,
    async ask(row, index) {
      return (await example(questionOf(row, format, compiled), index, true)).prompt;
    },
    example,
    async close() {
      await (chat as ChatRenderer | undefined)?.close();
    },
  };
}

/** The row in its format's normal form; as it is, where it has what the template needs already. */
function questionOf(row: Row, format: Format, compiled: CompiledTemplate): Row {
  try {
    const made = [...format.rows({ ...row, fields: format.unanswered?.(row.fields) ?? row.fields })].at(-1);
    if (made) return made;
  } catch (error) {
    const fits = () => compiled.render(row, 0, { seed: SEED, isQuestion: true });
    try {
      fits();
    } catch {
      throw error;
    }
  }
  return row;
}
