// What makes an example of a row: one form or several of them, of which each row takes one. Kept with a trained model, so that it is asked
// the way it was taught.

import { dataError, printable, usageError } from "../errors.js";
import { seedFor } from "../random.js";
import { type FileSource, readJsonObject } from "../source.js";
import { literalText } from "../tokenizers/literal.js";
import type { Example, Row } from "./example.js";
import { exampleOf, parseTemplate, type Template } from "./template.js";

export interface TemplateForm {
  /** "summarize: {dialogue}" */
  prompt: string;
  /** "{summary}" */
  completion: string;
  /** The form is for rows where these fields are there and not blank. */
  needs?: readonly string[];
}

export interface Shot {
  prompt: string;
  completion: string;
}

export interface PromptTemplate {
  name: string;
  /** Of those whose needs a row meets, those with the most needs are its choice; where several are left, the seed draws one. */
  forms: readonly TemplateForm[];
  /** What stands in front of the final answer within a completion (chain of thought). */
  answerAfter?: string;
  /** Solved examples in front of each prompt, where the model was taught with them. */
  shots?: readonly Shot[];
  /** Between shots, and between the last one and the prompt. Default "\n\n". */
  separator?: string;
  /** Of a mixture: the set that it is for, and the templates of its other sets. */
  task?: string;
  others?: readonly PromptTemplate[];
  /** What the rows were that the model was taught with: a row that it is asked about is read in the same way. */
  format?: string;
}

export interface RenderOptions {
  /** Draws a form where there are several; the row's index decides with it. */
  seed: number;
  /** The tokenizer's: where they occur in a row's fields they are marked as text (literalText). */
  specialTokens?: readonly string[];
  /** Fields whose special tokens stay tokens. */
  trustedFields?: readonly string[];
  /** Rows have no answers: the completion is "". */
  isQuestion?: boolean;
}

export interface CompiledTemplate {
  readonly template: PromptTemplate;
  /** Fields that any of its prompts uses, by name. */
  readonly promptFields: readonly string[];
  /** The example of row number `index`. Throws (data) where a field is missing or not text. */
  render(row: Row, index: number, options: RenderOptions): Example;
}

/** Throws (usage) for a template without forms, or with a brace that does not belong. */
export function compileTemplate(template: PromptTemplate, where = "template"): CompiledTemplate {
  if (template.forms.length === 0) throw usageError(`${where}: has no forms; expected at least one of prompt and completion`);
  const forms = template.forms.map(({ prompt, completion, needs = [] }, i) => {
    const at = template.forms.length > 1 ? `${where}[${i}]` : where;
    return { needs, prompt: parseTemplate(prompt, `${at}.prompt`), completion: parseTemplate(completion, `${at}.completion`) };
  });
  return {
    template,
    promptFields: [...new Set(forms.flatMap(({ prompt }) => prompt.fields))].sort(),
    render(row, index, { seed, specialTokens = [], trustedFields = [], isQuestion = false }) {
      const fits = forms.filter(({ needs }) => needs.every((field) => isFilled(row, field)));
      if (fits.length === 0)
        throw dataError(
          `${row.where}: no form of ${where} fits the row; each needs more than ${Object.keys(row.fields)
            .map((f) => printable(f))
            .join(", ")}`,
        );
      const most = Math.max(...fits.map(({ needs }) => needs.length));
      const choice = fits.filter(({ needs }) => needs.length === most);
      const form = choice.length === 1 ? choice[0]! : choice[seedFor(seed, `form of row ${index}`) % choice.length]!;
      const safe = specialTokens.length === 0 ? row : literalRow(row, specialTokens, trustedFields, form);
      return exampleOf(safe, isQuestion ? { prompt: form.prompt } : form);
    },
  };
}

function isFilled(row: Row, field: string): boolean {
  const value = Object.hasOwn(row.fields, field) ? row.fields[field] : undefined;
  return typeof value === "string" && value.trim() !== "";
}

/** The row with its texts marked, as far as the form uses them. */
function literalRow(
  row: Row,
  specialTokens: readonly string[],
  trusted: readonly string[],
  form: { prompt: Template; completion: Template },
): Row {
  let fields: Record<string, unknown> | undefined;
  for (const field of [...form.prompt.fields, ...form.completion.fields]) {
    const value = Object.hasOwn(row.fields, field) ? row.fields[field] : undefined;
    if (typeof value !== "string" || trusted.includes(field)) continue;
    const marked = literalText(value, specialTokens);
    if (marked === value) continue;
    fields ??= { ...row.fields };
    fields[field] = marked;
  }
  return fields ? { ...row, fields } : row;
}

/** The name of the file beside a model's or an adapter's weights. */
export const TEMPLATE_FILE = "attune_template.json";

/** The file's text. */
export function writeTemplateFile(template: PromptTemplate): string {
  return `${JSON.stringify({ version: 1, ...template }, null, 2)}\n`;
}

/** The template that a model was trained with; undefined where its folder has none. Throws (data) for a file that is no template. */
export async function readTemplateFile(source: FileSource): Promise<PromptTemplate | undefined> {
  if (!(await source.has(TEMPLATE_FILE))) return undefined;
  const where = source.describe(TEMPLATE_FILE);
  const json = await readJsonObject(source, TEMPLATE_FILE);
  if (json.version !== 1)
    throw dataError(`${where}: has version ${printable(String(json.version))}, this program reads version 1; use a newer attune`);
  const { others } = json;
  const own = templateIn(json, where);
  if (others === undefined) return own;
  const isRecord = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);
  if (!Array.isArray(others) || !others.every(isRecord)) throw dataError(`${where}: others must be a list of templates`);
  return { ...own, others: others.map((one, i) => templateIn(one as Record<string, unknown>, `${where}: others[${i}]`)) };
}

/**
 * Of a model that was taught several tasks, the template of one. Throws (usage) with all names where there is none of that name.
 * @param where whose template it is, for the message
 */
export function templateOfTask(template: PromptTemplate, task: string, where: string): PromptTemplate {
  const { others = [], ...own } = template;
  const found = [own, ...others].find((one) => one.task === task);
  if (found) return found;
  const names = tasksOf(template);
  const known = names.length > 0 ? `there are ${names.map((name) => printable(name)).join(", ")}` : "it was taught a single task";
  throw usageError(`${where}: has no template for a task "${printable(task)}"; ${known}`);
}

/** The tasks that a model was taught, by the names of the sets; [] of a model that was taught a single one. */
export const tasksOf = (template: PromptTemplate): string[] =>
  [template, ...(template.others ?? [])].flatMap(({ task }) => task ?? []);

/** Throws (data). */
function templateIn(json: Readonly<Record<string, unknown>>, where: string): PromptTemplate {
  const { name, forms, answerAfter, shots, separator, task, format } = json;
  const isText = (value: unknown): value is string => typeof value === "string";
  const isPair = (value: unknown): value is Shot =>
    isText((value as Shot | null)?.prompt) && isText((value as Shot | null)?.completion);
  const isForm = (value: unknown): value is TemplateForm =>
    isPair(value) && ((value as TemplateForm).needs === undefined || (value as TemplateForm).needs!.every?.(isText) === true);
  if (!isText(name) || !Array.isArray(forms) || forms.length === 0 || !forms.every(isForm))
    throw dataError(`${where}: expected name and forms of prompt and completion`);
  for (const [key, value] of Object.entries({ answerAfter, separator, task, format }))
    if (value !== undefined && !isText(value)) throw dataError(`${where}: ${key} must be text`);
  if (shots !== undefined && !(Array.isArray(shots) && shots.every(isPair)))
    throw dataError(`${where}: shots must be pairs of prompt and completion`);
  const template = { name, forms, answerAfter, shots, separator, task, format } as PromptTemplate;
  compileTemplate(template, where); // its braces
  return Object.fromEntries(Object.entries(template).filter(([, value]) => value !== undefined)) as unknown as PromptTemplate;
}
