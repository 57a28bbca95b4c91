// The examples of an evaluation: rows through the template of the command line, of the run, of the model's folder, or of the task.
import { TASKS, type Task } from "@attune/eval";
import {
  dataError,
  drawShots,
  type Example,
  type ExampleTemplates,
  exampleOf,
  fittingShots,
  listSome,
  type PromptTemplate,
  parseTemplate,
  printable,
  type Row,
  templateOfTask,
  usageError,
  withShots,
} from "@attune/models";
import { isHubData } from "@attune/tuning";
import { openDataset } from "@attune/tuning/node";
import { referencesOf } from "./answers.js";
import type { Evaluation } from "./evaluate.js";
import { withRows } from "./evaluateRun.js";
import { readRunExamples, type SetFacts } from "./examples.js";
import type { GenerationFiles } from "./generate.js";
import { modelOfRun } from "./model.js";
import { fetchHubData } from "./modelFiles.js";
import { evaluationTaskOf } from "./runSets.js";
import { readable } from "./score.js";
import { openStoredTemplate } from "./storedTemplate.js";
import { fieldRows, textsOf } from "./textRows.js";

export interface TaskExamples {
  task: string;
  /** How rows became prompts: "own", "task", or the template's name. */
  template: string;
  /** Prompts as the model gets them. */
  examples: Example[];
  /** Texts that are right, of each example. */
  references: (readonly string[])[];
}

/** Throws (usage, data): nothing of the input is left to find wrong later. */
export async function readTaskExamples(evaluation: Evaluation, files: GenerationFiles): Promise<TaskExamples> {
  const found = await read(evaluation, files, evaluation.data, evaluation.rows);
  const { shots, shotsFrom, seed } = evaluation;
  if (shots === 0) return found;
  if (!shotsFrom) throw usageError("--shots needs --shots-from FILE: rows with answers, other than those that are judged");
  const most = Math.max(1000, shots + 1);
  const { examples: pool } = await read({ ...evaluation, referenceFields: undefined }, files, shotsFrom, most);
  const { tokenizer } = files;
  const fits = (prompt: string) => tokenizer.encode(prompt).length <= evaluation.maxSource;
  const examples = found.examples.map((example, row) => {
    const drawn = drawShots(pool, example, row, { count: shots, seed });
    return { ...example, prompt: withShots(example.prompt, fittingShots(example.prompt, drawn, undefined, fits)) };
  });
  return { ...found, examples };
}

async function read(evaluation: Evaluation, files: GenerationFiles, file: string | null, limit: number): Promise<TaskExamples> {
  if (file !== null && isHubData(file)) await fetchHubData(file);
  if (evaluation.run && !evaluation.template) return ofRun(evaluation, files, file, limit);
  const rows = file ?? evaluation.run?.data.validation;
  if (!rows) throw usageError(`${evaluation.name}: no rows to evaluate on; name them with --data`);
  if (!evaluation.template && files.template) {
    const found = await ofStoredTemplate(evaluation, files, rows, limit);
    if (found) return found;
  }
  return ofRows(evaluation, rows, limit);
}

/** As training reads them: format, template, split, shots, the model's chat template. */
async function ofRun(evaluation: Evaluation, files: GenerationFiles, file: string | null, limit: number): Promise<TaskExamples> {
  const run = withRows(evaluation.run!, file, limit, evaluation.shots);
  // of another model than the run's own the prompts are still the run's
  const { known } = await modelOfRun(run);
  const source = { tokenizer: files.tokenizer, known, tokenizerFiles: files.folder.source };
  const { validation, template: stored, sets } = await readRunExamples(run, source, "validation");
  const { taskTemplate } = evaluation;
  const template = taskTemplate === undefined ? stored : templateOfTask(stored, taskTemplate, evaluation.name);
  const examples = taskTemplate === undefined ? validation : validation.filter(({ task }) => task === taskTemplate);
  if (taskTemplate !== undefined && examples.length === 0)
    throw usageError(`${evaluation.name}: the set ${printable(taskTemplate)} has no validation rows`);
  const references = examples.map((example) => namedReferencesOf(example, evaluation.referenceFields));
  return { task: evaluation.task ?? judgedAs(evaluation.name, examples, sets), template: template.name, examples, references };
}

/** What the rows of a run's sets are judged as. Throws (usage) where that is not the same for all. */
function judgedAs(name: string, examples: readonly Example[], sets: readonly SetFacts[]): string {
  const asked = new Set(examples.map(({ task }) => task));
  const found = sets.filter((set) => asked.has(set.name)).map((set) => ({ ...set, judged: evaluationTaskOf(set.format) }));
  const tasks = [...new Set(found.map(({ judged }) => judged))];
  if (tasks.length === 1) return tasks[0]!;
  throw usageError(
    `${name}: its sets are judged differently: ${found.map((set) => `${printable(set.name!)} as ${set.judged}`).join(", ")}; name one with --task-template, or a --task for all`,
  );
}

/** Through the template beside the model's weights, of several the first that fits; undefined where the file's rows are of another form. */
async function ofStoredTemplate(
  evaluation: Evaluation,
  files: GenerationFiles,
  file: string,
  limit: number,
): Promise<TaskExamples | undefined> {
  const { others = [], ...own } = files.template!;
  for (const template of [own, ...others]) {
    const found = await ofTemplate(evaluation, template, files, file, limit);
    if (found) return found;
  }
  return undefined;
}

async function ofTemplate(
  { task, name, referenceFields, maxSource }: Evaluation,
  template: PromptTemplate,
  { tokenizer, folder: { source } }: GenerationFiles,
  file: string,
  limit: number,
): Promise<TaskExamples | undefined> {
  const stored = await openStoredTemplate(template, { tokenizer, tokenizerFiles: source, maxPrompt: maxSource });
  try {
    const examples: Example[] = [];
    const references: (readonly string[])[] = [];
    // a task's own fields (label, summary1 ...) may be other than the format's, so a set is only taken for one that it is told to be
    const dataset = await openDataset(file, { format: stored.format.name === "rows" ? "rows" : "auto" }).catch(() => undefined);
    if (dataset?.format.name !== stored.format.name) return undefined;
    for await (const row of dataset.rows()) {
      if (examples.length >= limit) break;
      let example: Example;
      try {
        example = await stored.example(row, examples.length);
      } catch (error) {
        if (examples.length === 0) return undefined; // rows with other fields
        throw error;
      }
      examples.push(example);
      references.push(namedReferencesOf(example, referenceFields));
    }
    if (task === undefined) throw usageError(`${name}: is evaluated on a --task`);
    return { task, template: stored.template.name, examples, references };
  } finally {
    await stored.close();
  }
}

/** Texts that are right: fields that were named, all that the row has, or the completion. Throws (data). */
function namedReferencesOf(example: Example, named: readonly string[] | undefined): readonly string[] {
  if (!named) return referencesOf(example);
  const { id, fields } = example;
  return named.map((field) => {
    if (Object.hasOwn(fields, field)) return fields[field]!;
    throw dataError(
      `${printable(id)}: no text field "${printable(field)}"; it has ${listSome(Object.keys(fields).map((one) => printable(one)))}`,
    );
  });
}

/** Through the template of the command line, else the first of the task's that fits the first row. */
async function ofRows({ template, task: name, referenceFields }: Evaluation, file: string, limit: number): Promise<TaskExamples> {
  const task = TASKS[name!]!;
  const examples: Example[] = [];
  const references: (readonly string[])[] = [];
  let templates: Required<ExampleTemplates> | null = null;
  for await (const row of rowsOf(file)) {
    if (examples.length >= limit) break;
    templates ??= templatesFor(template, task, Object.keys(row.fields), file);
    // answers as SQuAD has them are a list; a template wants one text
    const lists = Object.entries(row.fields).map(([field, value]) => [field, Array.isArray(value) ? (value[0] ?? "") : value]);
    const example = exampleOf({ ...row, fields: Object.fromEntries(lists) }, templates);
    examples.push(example);
    references.push(referenceFields ? referenceFields.flatMap((field) => textsOf(row, field)) : [readable(example.completion)]);
  }
  if (examples.length === 0) throw dataError(`${printable(file, 300)}: has no rows; expected at least one to evaluate on`);
  return { task: name!, template: template ? "own" : "task", examples, references };
}

/** Rows as they are, of a file with fields or of the hub. */
async function* rowsOf(file: string): AsyncGenerator<Row> {
  if (!isHubData(file)) yield* fieldRows(file);
  else yield* (await openDataset(file, { format: "rows" })).rows();
}

function templatesFor(
  given: Evaluation["template"],
  task: Task,
  fields: readonly string[],
  file: string,
): Required<ExampleTemplates> {
  const parsed = ({ prompt, completion }: { prompt: string; completion: string }) => ({
    prompt: parseTemplate(prompt, "the prompt's template"),
    completion: parseTemplate(completion, "the completion's template"),
  });
  if (given) return parsed(given);
  for (const one of task.templates) {
    const { prompt, completion } = parsed(one);
    if ([...prompt.fields, ...completion.fields].every((field) => fields.includes(field))) return { prompt, completion };
  }
  const tried = task.templates.map(({ prompt, completion }) => (`${prompt}${completion}`.match(/\{\w+\}/g) ?? []).join(" "));
  throw usageError(
    `${printable(file, 300)}: its rows have ${listSome(fields.map((field) => printable(field)))}, and the task's templates need ${tried.join(", or ")}; say --prompt and --completion`,
  );
}
