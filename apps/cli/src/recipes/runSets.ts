// The sets of a run: data.train itself, or the entries of data.mixture, each opened, recognised and with its template.
import { type CompiledTemplate, compileTemplate, type PromptTemplate, templateNamed, usageError } from "@attune/models";
import type { Format } from "@attune/tuning";
import { type Dataset, openDataset } from "@attune/tuning/node";
import type { Run } from "../run/schema.js";

export interface RunSet {
  path: string;
  dataset: Dataset;
  compiled: CompiledTemplate;
  /** In a mixture: what its examples bear as `task`. */
  name: string | undefined;
  /** The set's own validation file; data.validation is the first one's. */
  validation: string | null;
  /** What its answers are judged by; undefined: eval.metric, else what its format is judged by. */
  metric?: string | undefined;
}

type TemplateInput = Run["data"]["template"];

/** The sets of a run, recognised. Throws (usage) for unknown names, (data) for files that cannot be read or recognised. */
export async function openRunSets({ data, objective }: Run, kind: "t5" | "opt"): Promise<RunSet[]> {
  const isInstruction = objective === "instruction";
  const open = async (
    path: string,
    key: string,
    format: string,
    template: TemplateInput,
    rest: Pick<RunSet, "name" | "validation" | "metric">,
  ): Promise<RunSet> => {
    const isOwn = template?.prompt !== undefined || (template === undefined && !isInstruction);
    const dataset = await openRows(data, path, isOwn && format === "auto" ? "rows" : format);
    const compiled = compileTemplate(templateOf(template, dataset.format, kind, isInstruction, key), key);
    return { path, dataset, compiled, ...rest };
  };
  if (data.mixture === undefined) {
    const alone = { name: undefined, validation: data.validation };
    return [await open(data.train, "data.template", data.format, data.template, alone)];
  }
  return Promise.all(
    data.mixture.map((set, i) =>
      open(set.train, `data.mixture.${i}.template`, set.format, set.template ?? data.template, {
        name: set.name ?? String(i + 1),
        validation: set.validation ?? (i === 0 ? data.validation : null),
        metric: set.metric,
      }),
    ),
  );
}

/** The rows of a set's validation file, in the format of its training rows; undefined where it has none. */
export async function openValidation({ data }: Run, { validation, dataset }: RunSet): Promise<Dataset | undefined> {
  return validation === null ? undefined : openRows(data, validation, dataset.format.name);
}

function openRows(data: Run["data"], path: string, format: string): Promise<Dataset> {
  const { fill, onBadRow, onBadText, maxLineBytes, encoding, unit } = data;
  return openDataset(path, { format, fill, onBadRow, onBadText, maxLineBytes, encoding, unit });
}

function templateOf(
  given: TemplateInput,
  format: Format,
  kind: "t5" | "opt",
  isInstruction: boolean,
  where: string,
): PromptTemplate {
  if (given?.prompt !== undefined) {
    const prompts = typeof given.prompt === "string" ? [given.prompt] : given.prompt;
    const { completion, answerAfter } = given;
    return {
      name: "own",
      forms: prompts.map((prompt) => ({ prompt, completion })),
      ...(answerAfter === undefined ? {} : { answerAfter }),
    };
  }
  if (given?.name !== undefined) return templateNamed(given.name, format.task);
  if (!isInstruction) return templateNamed("text");
  const name = format.templates[kind === "t5" ? "encoderDecoder" : "decoderOnly"];
  if (name === "none") throw usageError(`${where}: is needed: rows of the format ${format.name} have no template of their own`);
  return templateNamed(name, format.task);
}

/** The task of @attune/eval that judges answers to rows of a format; rows as they are count as summaries unless a task is named. */
export function evaluationTaskOf({ name, task }: Format): string {
  if (name === "gsm8k") return "reasoning";
  if (name === "flanCot") return "chain-of-thought";
  if (name === "rows" || name === "text") return "summarization";
  return EVALUATION_TASKS[task];
}

const EVALUATION_TASKS: Readonly<Record<Format["task"], string>> = {
  summarization: "summarization",
  sentiment: "classification",
  questions: "question-answering",
  translation: "translation",
  general: "chat",
};
