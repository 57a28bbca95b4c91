// What a run's `data` says, to examples: sets are opened and recognised, rows go through their template, sets are split or mixed, and what
// was dropped or repeated is told.
import {
  type CompiledTemplate,
  compileTemplate,
  dataError,
  drawShots,
  type Example,
  literalText,
  type PromptTemplate,
  type Row,
  readMessages,
  type Shot,
  type Tokenizer,
  templateNamed,
  usageError,
  withShots,
} from "@attune/models";
import { type ChatRenderer, openChatTemplate, readChatTemplate } from "@attune/models/node";
import { countOverlap, type Format, interleave, mixtureProbabilities, numpyRandom, splitExamples } from "@attune/tuning";
import { type Dataset, openDataset } from "@attune/tuning/node";
import type { Run } from "../run/schema.js";
import type { ModelFiles } from "./model.js";

export interface RunExamples {
  examples: Example[];
  validation: Example[];
  /** How rows became prompts: kept beside the saved weights. Of a mixture, its first set's. */
  template: PromptTemplate;
  /** What the rows are; of a mixture, its first set's. */
  format: Format;
  notes: string[];
}

/** One set of a run: data.train itself, or an entry of data.mixture. */
export interface RunSet {
  path: string;
  dataset: Dataset;
  compiled: CompiledTemplate;
  name: string | undefined;
}

type DataFiles = Pick<ModelFiles, "tokenizer" | "known"> & Partial<Pick<ModelFiles, "tokenizerFiles">>;
type TemplateInput = Run["data"]["template"];

/** Rows of few-shot prompts are drawn from this many, so that drawing stays cheap. */
const POOL = 1000;

/** The sets of a run, recognised. Throws (usage) for unknown names, (data) for files that cannot be read or recognised. */
export async function openRunSets({ data, objective }: Run, kind: "t5" | "opt"): Promise<RunSet[]> {
  const isInstruction = objective === "instruction";
  const open = async (path: string, key: string, format: string, template: TemplateInput, name?: string): Promise<RunSet> => {
    const isOwn = template?.prompt !== undefined || (template === undefined && !isInstruction);
    const { onBadRow, encoding, unit } = data;
    const dataset = await openDataset(path, {
      format: isOwn && format === "auto" ? "rows" : format,
      fill: data.fill,
      onBadRow,
      encoding,
      unit,
    });
    return {
      path,
      dataset,
      compiled: compileTemplate(templateOf(template, dataset.format, kind, isInstruction, key), key),
      name,
    };
  };
  if (data.mixture === undefined) return [await open(data.train, "data.template", data.format, data.template)];
  return Promise.all(
    data.mixture.map((set, i) =>
      open(set.train, `data.mixture.${i}.template`, set.format, set.template ?? data.template, set.name ?? String(i + 1)),
    ),
  );
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
    return { name: "own", forms: prompts.map((prompt) => ({ prompt, completion: given.completion })) };
  }
  if (given?.name !== undefined) return templateNamed(given.name, format.task);
  if (!isInstruction) return templateNamed("text");
  const name = format.templates[kind === "t5" ? "encoderDecoder" : "decoderOnly"];
  if (name === "none") throw usageError(`${where}: is needed: rows of the format ${format.name} have no template of their own`);
  return templateNamed(name, format.task);
}

/** Reads every example of a run. Throws (data) naming file and line, and where nothing is left. */
export async function readRunExamples(run: Run, files: DataFiles): Promise<RunExamples> {
  const { data } = run;
  const notes: string[] = [];
  const sets = await openRunSets(run, files.known.kind);
  const chat = await chatOf(sets, files);
  try {
    const read = (set: RunSet, dataset: Dataset, limit: number | null) =>
      examplesOf(run, set, dataset, limit, files.tokenizer, chat, notes);
    const parts: Example[][] = [];
    for (const set of sets) parts.push(await read(set, set.dataset, data.limit));
    let examples = data.mixture === undefined ? parts[0]! : mixed(run, sets, parts, notes);
    let validation: Example[] = [];
    if (data.validation !== null) {
      const [first] = sets;
      const { format } = first!.dataset;
      const held = await openDataset(data.validation, {
        format: format.name,
        fill: data.fill,
        onBadRow: data.onBadRow,
        encoding: data.encoding,
      });
      validation = await read(first!, held, run.eval.rows);
      const overlap = countOverlap(examples, validation);
      if (overlap > 0)
        notes.push(
          `${overlap} of ${validation.length} validation prompts are in the training data, too: their scores say little`,
        );
    } else if (data.split !== null) {
      const { validation: share, seed, stratify } = data.split;
      const split = splitExamples(examples, { validation: share, seed, stratify: stratify ?? undefined });
      if (split.duplicates > 0)
        notes.push(`${split.duplicates} rows repeat an earlier prompt; each stays on the side of the first`);
      validation = split.validation.slice(0, run.eval.rows).map((i) => examples[i]!);
      examples = split.train.map((i) => examples[i]!);
      notes.push(`split by seed ${seed}: ${split.train.length} rows to train on, ${split.validation.length} for validation`);
    }
    const { template } = sets[0]!.compiled;
    const { format } = sets[0]!.dataset;
    if (data.fewShot === null) return { examples, validation, template, format, notes };
    return { ...solved(run, examples, validation, template), format, notes };
  } finally {
    await chat?.close();
  }
}

async function examplesOf(
  { data, train, objective }: Run,
  { path, compiled, name }: RunSet,
  dataset: Dataset,
  limit: number | null,
  { specialTokens }: Tokenizer,
  chat: ChatRenderer | undefined,
  notes: string[],
): Promise<Example[]> {
  const examples: Example[] = [];
  const options = { seed: train.seed, specialTokens, trustedFields: data.trustedFields };
  let blank = 0;
  let index = 0;
  for await (const row of dataset.rows()) {
    if (limit !== null && examples.length >= limit) break;
    const task: Row = name === undefined ? row : { ...row, task: name };
    const example = compiled.render(task, index++, options);
    if (chat && row.fields.messages !== undefined) {
      const messages = readMessages(row.fields.messages, row.where);
      const safe = messages.map(({ role, content }) => ({ role, content: literalText(content, specialTokens) }));
      const tools = Array.isArray(row.fields.tools) ? row.fields.tools : undefined;
      example.prompt = await chat.render(safe, { tools });
      example.completion = example.completion.trimStart();
    }
    if (objective === "instruction" && (example.prompt.trim() === "" || example.completion.trim() === "")) blank++;
    else examples.push(example);
  }
  if (examples.length === 0)
    throw dataError(`${path}: 0 of ${index} rows kept${blank > 0 ? `; ${blank} have a blank prompt or answer` : ""}`);
  if (blank > 0) notes.push(`${blank} of ${index} rows of ${path} have a blank prompt or answer and are left out`);
  return examples;
}

/** The model's own chat template, where a set goes through "chat" and the model has one. */
async function chatOf(sets: readonly RunSet[], { tokenizerFiles }: DataFiles): Promise<ChatRenderer | undefined> {
  if (!tokenizerFiles || !sets.some(({ compiled }) => compiled.template.name === "chat")) return undefined;
  const found = await readChatTemplate(tokenizerFiles);
  return found && openChatTemplate(found, tokenizerFiles.describe("tokenizer_config.json"));
}

/** The rows of a mixture in datasets' order; a set's name stays on its examples. */
function mixed({ data }: Run, sets: readonly RunSet[], parts: readonly Example[][], notes: string[]): Example[] {
  const { mixing, mixture = [] } = data;
  const weights = mixture.map(({ weight }) => weight ?? 1);
  const sizes = parts.map(({ length }) => length);
  const probabilities = mixtureProbabilities(sizes, {
    kind: mixing.kind,
    temperature: mixing.temperature,
    cap: mixing.cap ?? undefined,
    weights,
  });
  const rows = interleave(sizes, { probabilities, seed: mixing.seed, stop: mixing.stop });
  for (const [i, { name }] of sets.entries()) {
    const drawn = rows.filter(({ set }) => set === i).length;
    notes.push(
      `mixture: ${name}: ${drawn} of ${rows.length} rows an epoch (${sizes[i]} in its file, weight ${probabilities[i]!.toFixed(3)})`,
    );
  }
  return rows.map(({ set, row }) => parts[set]![row]!);
}

/** Every prompt behind its solved examples, which come from the training rows. */
function solved(
  { data, train }: Run,
  examples: readonly Example[],
  validation: readonly Example[],
  template: PromptTemplate,
): Omit<RunExamples, "notes" | "format"> {
  const { count, label, separator } = data.fewShot!;
  const options = { count, seed: train.seed, label: label ?? undefined, separator };
  const pool = [...numpyRandom(train.seed).permutation(examples.length)].slice(0, POOL).map((i) => examples[i]!);
  const behind = (example: Example, index: number): Example => ({
    ...example,
    prompt: withShots(example.prompt, drawShots(pool, example, index, options), separator),
  });
  const shots: Shot[] = drawShots(pool, undefined, -1, options);
  return {
    examples: examples.map(behind),
    validation: validation.map((example, i) => behind(example, examples.length + i)),
    template: { ...template, shots, separator },
  };
}
