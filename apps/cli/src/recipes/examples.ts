// What a run's `data` says, to examples: rows go through their set's template, sets are split, mixed and balanced, and what was dropped or
// repeated is told.
import { dataError, drawShots, type Example, type PromptTemplate, type Tokenizer, usageError, withShots } from "@attune/models";
import { type ChatRenderer, openChatTemplate, readChatTemplate } from "@attune/models/node";
import {
  badRows,
  balanceRows,
  countOverlap,
  type Format,
  interleave,
  mixtureProbabilities,
  numpyRandom,
  versionSeed,
} from "@attune/tuning";
import type { Dataset } from "@attune/tuning/node";
import type { Run } from "../run/schema.js";
import type { ModelFiles } from "./model.js";
import { openRunSets, openValidation, type RunSet } from "./runSets.js";
import { dividedSets, questionOf } from "./splitRows.js";
import { renderVersions, type Versions } from "./versions.js";

export interface RunExamples {
  /** In a mixture each bears the name of its set as `task`, as `validation` does: losses and scores are told by it. */
  examples: Example[];
  /** Further versions of all examples (data.augment), of the same length and order: epoch e learns version e % (1 + versions.length). */
  versions: Example[][];
  validation: Example[];
  /** How rows became prompts: kept beside the saved weights. Of a mixture, its first set's. */
  template: PromptTemplate;
  /** What the rows are; of a mixture, its first set's. */
  format: Format;
  /** All sets, with the name that their examples bear as `task`; undefined for a run of one set. */
  sets: { name: string | undefined; format: Format }[];
  notes: string[];
}

type DataFiles = { tokenizer: Tokenizer; known: Pick<ModelFiles["known"], "kind"> } & Partial<Pick<ModelFiles, "tokenizerFiles">>;

/** Rows of few-shot prompts are drawn from this many, so that drawing stays cheap. */
const POOL = 1000;

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
  const pools = poolsOf(run, units);
  if (data.balance !== null && part === "all") units = balanced(run, sets, units, notes);
  const { format } = sets[0]!.dataset;
  let template: PromptTemplate = { ...sets[0]!.compiled.template, format: format.name };
  const shotKey = remembered(keyOf);
  const asked = validation.map((example, i) => behindShots(run, pools, shotKey, [example], units.length + i)[0]);
  if (data.fewShot !== null) {
    const { count, label, separator } = data.fewShot;
    const options = { count, seed: run.train.seed, label: label ?? undefined };
    template = { ...template, shots: drawShots(pools.get(sets[0]!.name) ?? [], undefined, -1, options), separator };
    units = units.map((unit, i) => behindShots(run, pools, shotKey, unit, i));
  }
  const versions = data.augment === null ? 0 : data.augment.versions - 1;
  return {
    examples: part === "all" ? units.map(first) : [],
    versions: part === "all" ? Array.from({ length: versions }, (_, v) => units.map((unit) => unit[v + 1]!)) : [],
    validation: asked,
    template,
    format,
    sets: sets.map(({ name, dataset: { format } }) => ({ name, format })),
    notes,
  };
}

const first = ([example]: Versions): Example => example;
/** Each row looks at the whole pool: an example's key is made once. */
function remembered(keyOf: (example: Example) => string): (example: Example) => string {
  const keys = new WeakMap<Example, string>();
  return (example) => {
    const key = keys.get(example) ?? keyOf(example);
    keys.set(example, key);
    return key;
  };
}
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
  for await (const row of dataset.rows(tally)) {
    let unit: Versions;
    try {
      unit = await renderer.render(row, index++);
    } catch (error) {
      tally.bad(error);
      continue;
    }
    tally.kept();
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

/** Throws (usage) where an example has no such class. */
function balanced({ data, train }: Run, sets: readonly RunSet[], units: readonly Versions[], notes: string[]): Versions[] {
  const { by, how } = data.balance!;
  const field = by === "label" ? (sets[0]!.dataset.format.label ?? "label") : by;
  const classOf = ([{ task, fields, id }]: Versions): string => {
    const found = by === "task" ? task : Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (found === undefined) throw usageError(`data.balance.by: ${id} has no text field "${field}"`);
    return found;
  };
  const { rows, classes } = balanceRows(units.map(classOf), { how, seed: train.seed });
  if (classes.length > Math.max(20, units.length / 2))
    throw usageError(`data.balance.by: ${field} has ${classes.length} values in ${units.length} rows; expected a few classes`);
  notes.push(
    `balanced by ${field}: ${classes.map(({ name, before, after }) => `${name} ${before} -> ${after}`).join(", ")} rows`,
  );
  return rows.map((row) => units[row]!);
}

/** What solved examples are drawn from: training rows of the same task. */
function poolsOf({ data, train }: Run, units: readonly Versions[]): Map<string | undefined, Example[]> {
  const pools = new Map<string | undefined, Example[]>();
  if (data.fewShot === null) return pools;
  for (const i of numpyRandom(train.seed).permutation(units.length)) {
    const example = first(units[i]!);
    const pool = pools.get(example.task) ?? [];
    if (pool.length < POOL) pool.push(example);
    pools.set(example.task, pool);
  }
  return pools;
}

/** Each version of a row behind its solved examples; with data.augment.order they are others in each. */
function behindShots(
  { data, train }: Run,
  pools: ReadonlyMap<string | undefined, readonly Example[]>,
  keyOf: (example: Example) => string,
  unit: Versions,
  index: number,
): Versions {
  if (data.fewShot === null) return unit;
  const { count, label, separator } = data.fewShot;
  const own = first(unit);
  const shots = (version: number) => {
    const seed = version > 0 && data.augment?.order ? versionSeed(train.seed, version, index) : train.seed;
    return drawShots(pools.get(own.task) ?? [], own, index, { count, seed, label: label ?? undefined, keyOf });
  };
  return unit.map((example, version) => ({
    ...example,
    prompt: withShots(example.prompt, shots(version), separator),
  })) as Versions;
}
