// What a run's `data` says, to examples: rows go through their set's template, sets are split, mixed and balanced, and what was dropped or
// repeated is told.
import { dataError, type Example, type PromptTemplate, type Tokenizer, usageError } from "@attune/models";
import { type ChatRenderer, openChatTemplate, readChatTemplate } from "@attune/models/node";
import { badRows, balanceRows, countOverlap, type Format, interleave, mixtureProbabilities } from "@attune/tuning";
import type { Dataset } from "@attune/tuning/node";
import type { Run } from "../run/schema.js";
import { heapGuard } from "./heapGuard.js";
import type { ModelFiles } from "./model.js";
import { openRunSets, openValidation, type RunSet } from "./runSets.js";
import { type ShotDrawer, shotDrawer } from "./shots.js";
import { dividedSets, questionOf } from "./splitRows.js";
import { renderVersions, type Versions } from "./versions.js";

export interface RunExamples {
  /** In a mixture each bears the name of its set as `task`, as `validation` does: losses and scores are told by it. */
  examples: Example[];
  /** Further versions of all examples (data.augment), of the same length and order: epoch e learns version e % (1 + versions.length). */
  versions: Example[][];
  validation: Example[];
  /** How rows became prompts: kept beside the saved weights. Of a mixture, its first set's, with the others' in it. */
  template: PromptTemplate;
  /** What the rows are; of a mixture, its first set's. */
  format: Format;
  /** All sets. */
  sets: SetFacts[];
  notes: string[];
}

export interface SetFacts {
  /** What its examples bear as `task`; undefined for a run of one set. */
  name: string | undefined;
  format: Format;
  /** What its answers are judged by, where the run says so for this set. */
  metric: string | undefined;
  /** What stands in front of the final answer within a completion. */
  answerAfter: string | undefined;
}

type DataFiles = { tokenizer: Tokenizer; known: Pick<ModelFiles["known"], "kind"> } & Partial<Pick<ModelFiles, "tokenizerFiles">>;

/**
 * Reads every example of a run. Throws (data) naming file and line, and where nothing is left; (usage) for what the rows do not have.
 * @param part "validation": training rows are only read where validation depends on them (data.split, data.fewShot), and not returned
 */
export async function readRunExamples(run: Run, files: DataFiles, part: "all" | "validation" = "all"): Promise<RunExamples> {
  const { data } = run;
  const notes: string[] = [];
  const sets = await openRunSets(run, files.known.kind);
  const chat = await chatOf(sets, files);
  const read = (set: RunSet, dataset: Dataset, path: string, limit: number | null, isTraining: boolean) =>
    examplesOf(run, set, dataset, path, limit, isTraining, files.tokenizer, chat, notes);
  let parts: Versions[][] = [];
  let held: Example[][] = [];
  try {
    const needsTraining = part === "all" || data.split !== null || data.fewShot !== null;
    for (const set of sets) {
      parts.push(needsTraining ? await read(set, set.dataset, set.path, data.limit, part === "all") : []);
      const validation = await openValidation(run, set);
      held.push(validation ? (await read(set, validation, set.validation!, run.eval.rows, false)).map(first) : []);
    }
  } finally {
    await chat?.close();
  }
  const keyOf = questionOf(sets);
  if (data.split !== null) ({ parts, held } = dividedSets(run, sets, parts, notes));
  const validation = held.flat();
  const overlap = countOverlap(parts.flat().map(first), validation, keyOf);
  if (overlap > 0)
    notes.push(`${overlap} of ${validation.length} validation prompts are in the training data, too: their scores say little`);
  let units = data.mixture === undefined || !needsMixing(parts) ? parts.flat() : mixed(run, sets, parts, notes);
  const shots = shotDrawer(run, files.tokenizer, units, keyOf);
  if (data.balance !== null && part === "all") units = balanced(run, sets, units, notes);
  const asked = validation.map((example, i) => shots.behind([example], units.length + i)[0]);
  units = units.map((unit, i) => shots.behind(unit, i));
  notes.push(...shots.notes());
  const versions = data.augment === null ? 0 : data.augment.versions - 1;
  return {
    examples: part === "all" ? units.map(first) : [],
    versions: part === "all" ? Array.from({ length: versions }, (_, v) => units.map((unit) => unit[v + 1]!)) : [],
    validation: asked,
    template: templatesOf(run, sets, shots),
    format: sets[0]!.dataset.format,
    sets: sets.map(({ name, metric, dataset: { format }, compiled: { template } }) => {
      return { name, format, metric, answerAfter: template.answerAfter };
    }),
    notes,
  };
}

/** The first set's template, and those of the others with it: each bears the name of its set. */
function templatesOf({ data }: Run, sets: readonly RunSet[], shots: ShotDrawer): PromptTemplate {
  const of = ({ compiled, dataset, name }: RunSet): PromptTemplate => {
    const kept = shots.kept(name);
    return {
      ...compiled.template,
      format: dataset.format.name,
      ...(name === undefined ? {} : { task: name }),
      ...(kept && { shots: kept, separator: data.fewShot!.separator }),
    };
  };
  const [own, ...others] = sets.map(of) as [PromptTemplate, ...PromptTemplate[]];
  return others.length > 0 ? { ...own, others } : own;
}

const first = ([example]: Versions): Example => example;
/** Where no training rows were read, there is nothing to mix. */
const needsMixing = (parts: readonly Versions[][]): boolean => parts.every(({ length }) => length > 0);

async function examplesOf(
  run: Run,
  set: RunSet,
  dataset: Dataset,
  path: string,
  limit: number | null,
  isTraining: boolean,
  tokenizer: Tokenizer,
  chat: ChatRenderer | undefined,
  notes: string[],
): Promise<Versions[]> {
  const isInstruction = run.objective === "instruction";
  const units: Versions[] = [];
  let blank = 0;
  let index = 0;
  const renderer = renderVersions(run, set, tokenizer, chat, isTraining);
  const tally = badRows(path, run.data);
  const lookAtHeap = heapGuard(path);
  for await (const row of dataset.rows(tally)) {
    let unit: Versions;
    try {
      unit = await renderer.render(row, index++);
    } catch (error) {
      tally.bad(error);
      continue;
    }
    tally.kept();
    lookAtHeap();
    const [{ prompt, completion }] = unit;
    if (isInstruction && (prompt.trim() === "" || completion.trim() === "")) blank++;
    else units.push(unit);
    if (units.length === limit) break;
  }
  const { bad, rows, first: fault } = tally.finish(`rows of the format ${dataset.format.name}`);
  if (bad > 0) notes.push(`${bad} of ${rows} rows of ${path} are bad and left out; the first: ${fault!.message}`);
  if (units.length === 0)
    throw dataError(`${path}: 0 of ${rows} rows kept${blank > 0 ? `; ${blank} have a blank prompt or answer` : ""}`);
  if (blank > 0) notes.push(`${blank} of ${rows} rows of ${path} have a blank prompt or answer and are left out`);
  renderer.finish(path);
  return units;
}

/** The model's own chat template, where a set goes through "chat" and the model has one. */
export async function chatOf(sets: readonly RunSet[], { tokenizerFiles }: DataFiles): Promise<ChatRenderer | undefined> {
  if (!tokenizerFiles || !sets.some(({ compiled }) => compiled.template.name === "chat")) return undefined;
  const found = await readChatTemplate(tokenizerFiles);
  return found && openChatTemplate(found, tokenizerFiles.describe("tokenizer_config.json"));
}

/** The rows of a mixture in datasets' order; a set's name stays on its examples. */
function mixed({ data }: Run, sets: readonly RunSet[], parts: readonly Versions[][], notes: string[]): Versions[] {
  const { mixing, mixture = [] } = data;
  const weights = mixture.map(({ weight }) => weight ?? 1);
  const sizes = parts.map(({ length }) => length);
  const { kind, temperature, cap } = mixing;
  const probabilities =
    kind === "roundRobin" ? undefined : mixtureProbabilities(sizes, { kind, temperature, cap: cap ?? undefined, weights });
  const rows = interleave(sizes, { probabilities, seed: mixing.seed, stop: mixing.stop });
  for (const [i, { name }] of sets.entries()) {
    const drawn = rows.filter(({ set }) => set === i).length;
    notes.push(
      `mixture: ${name}: ${drawn} of ${rows.length} rows an epoch (${sizes[i]} in its file, ${probabilities ? `weight ${probabilities[i]!.toFixed(3)}` : "in turn"})`,
    );
  }
  return rows.map(({ set, row }) => parts[set]![row]!);
}

/** Throws (usage) where an example has no such class. */
function balanced({ data, train }: Run, sets: readonly RunSet[], units: readonly Versions[], notes: string[]): Versions[] {
  const { by, how } = data.balance!;
  const labels = new Map(sets.map(({ name, dataset }) => [name, dataset.format.label ?? "label"]));
  const classOf = ([{ task, fields, id }]: Versions): string => {
    const field = by === "label" ? labels.get(task)! : by;
    const found = by === "task" ? task : Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (found === undefined) throw usageError(`data.balance.by: ${id} has no text field "${field}"`);
    return found;
  };
  const { rows, classes } = balanceRows(units.map(classOf), { how, seed: train.seed });
  if (classes.length > Math.max(20, units.length / 2))
    throw usageError(`data.balance.by: ${by} has ${classes.length} values in ${units.length} rows; expected a few classes`);
  notes.push(`balanced by ${by}: ${classes.map(({ name, before, after }) => `${name} ${before} -> ${after}`).join(", ")} rows`);
  return rows.map((row) => units[row]!);
}
