// Data sets of the hub by name: which of a repository's files a configuration and a split are. The rules are those of Python's `datasets`:
// what the card says, else the splits' names in files and folders. Pure; fetching is in node/hubData.ts.

import { dataError, listSome, nearest, parseHubName, printable, usageError } from "@attune/models";
import { globMatches } from "./glob.js";

/** "hub:ORG/NAME[@REVISION][:CONFIG][#SPLIT]" in parts. */
export interface HubDataName {
  repo: string;
  revision: string;
  config?: string;
  split?: string;
}

const PREFIX = "hub:";
const WORD = /^[\w.+-]{1,100}$/;

export const isHubData = (text: string): boolean => text.startsWith(PREFIX);

/** Throws (usage) for what begins with "hub:" and is no such name. */
export function parseHubData(text: string): HubDataName {
  const [, name = "", config, split] = /^hub:([^:#]*)(?::([^#]*))?(?:#(.*))?$/s.exec(text) ?? [];
  const parsed = parseHubName(name);
  if (!parsed || [config, split].some((part) => part !== undefined && !WORD.test(part)))
    throw usageError(`${printable(text)}: is no data set on the hub; expected hub:ORG/NAME[@REVISION][:CONFIG][#SPLIT]`);
  return { ...parsed, ...(config === undefined ? {} : { config }), ...(split === undefined ? {} : { split }) };
}

export function hubDataText({ repo, revision, config, split }: HubDataName): string {
  const at = revision === "main" ? "" : `@${revision}`;
  return `${PREFIX}${repo}${at}${config === undefined ? "" : `:${config}`}${split === undefined ? "" : `#${split}`}`;
}

/** Configurations of a repository, in each the files of its splits. */
export interface HubConfigs {
  configs: Map<string, Map<string, string[]>>;
  /** Taken where none is named; undefined where one has to be. */
  preferred: string | undefined;
}

/** Files within an archive are named through it: "data/a.zip/folder/b.txt". */
const ARCHIVES: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>> = {
  "takala/financial_phrasebank": Object.fromEntries(
    ["AllAgree", "75Agree", "66Agree", "50Agree"].map((level) => [
      `sentences_${level.toLowerCase()}`,
      { train: `data/FinancialPhraseBank-v1.0.zip/FinancialPhraseBank-v1.0/Sentences_${level}.txt` },
    ]),
  ),
};
/** Names that the hub forwards. */
const OLD_NAMES: Readonly<Record<string, string>> = { financial_phrasebank: "takala/financial_phrasebank" };

/** The file of the repository that a path lies in: the archive, where it leads through one. */
export const fileOf = (path: string): string => /^.*?\.zip(?=\/|$)/.exec(path)?.[0] ?? path;

/**
 * What a repository's own files say.
 * @param card the front matter of README.md, read as YAML
 * @returns undefined where only a script of Python's would know, or nothing looks like rows
 */
export function configsOf(repo: string, files: readonly string[], card: unknown): HubConfigs | undefined {
  const archive = ARCHIVES[OLD_NAMES[repo] ?? repo];
  if (archive && Object.values(archive).every((splits) => Object.values(splits).every((path) => files.includes(fileOf(path)))))
    return withPreferred(
      new Map(
        Object.entries(archive).map(([config, splits]) => [
          config,
          new Map(Object.entries(splits).map(([split, path]) => [split, [path]])),
        ]),
      ),
    );
  const told = configsOfCard(files, card);
  if (told) return told;
  if (files.includes(`${repo.split("/").at(-1)}.py`)) return undefined;
  const splits = splitsByName(files);
  if (splits.size === 0) return undefined;
  const configs = new Map([["default", splits]]);
  // a folder may be named as a configuration, as data_dir is elsewhere
  for (const folder of new Set(files.filter((file) => file.includes("/")).map((file) => file.slice(0, file.indexOf("/"))))) {
    const inside = splitsByName(files.filter((file) => file.startsWith(`${folder}/`)));
    if (inside.size > 0 && WORD.test(folder) && folder !== "default") configs.set(folder, inside);
  }
  return { configs, preferred: "default" };
}

/** What the hub itself made of a data set: CONFIG/SPLIT/0000.parquet in the branch refs/convert/parquet. */
export function configsOfParquet(files: readonly string[]): HubConfigs {
  const configs = new Map<string, Map<string, string[]>>();
  for (const file of [...files].sort()) {
    // of sets that are too large only a part is converted, in folders of that name
    const [, config, split] = /^([^/]+)\/(?:partial-)?([^/]+)\/\d+\.parquet$/.exec(file) ?? [];
    if (config === undefined || split === undefined) continue;
    const splits = configs.get(config) ?? new Map<string, string[]>();
    splits.set(split, [...(splits.get(split) ?? []), file]);
    configs.set(config, splits);
  }
  return withPreferred(configs);
}

/** The files of one split. Throws (usage) with what there is, where none is named so. */
export function chooseFiles({ configs, preferred }: HubConfigs, name: HubDataName): string[] {
  const where = hubDataText(name);
  const config = name.config ?? preferred;
  if (config === undefined)
    throw usageError(
      `${where}: has ${configs.size} configurations, of which one has to be named, as in ${hubDataText({ ...name, config: [...configs.keys()][0]! })}: ${listSome([...configs.keys()].map((one) => printable(one)))}`,
    );
  const splits = configs.get(config);
  if (!splits) throw missing(where, "configuration", config, [...configs.keys()]);
  const split = name.split ?? "train";
  const files = splits.get(split);
  if (!files) throw missing(where, "split", split, [...splits.keys()]);
  return files;
}

function missing(where: string, what: string, wanted: string, there: readonly string[]): Error {
  const near = nearest(wanted, there);
  return usageError(
    `${printable(where, 200)}: has no ${what} "${printable(wanted)}"; there ${there.length === 1 ? "is" : "are"} ${listSome(there.map((one) => printable(one)))}${near ? ` (did you mean "${printable(near)}"?)` : ""}`,
  );
}

function withPreferred(configs: HubConfigs["configs"]): HubConfigs {
  const names = [...configs.keys()];
  return { configs, preferred: names.length === 1 ? names[0] : names.find((name) => name === "default") };
}

/** The card's `configs`: [{config_name, data_files, default}], data_files a path, a list of them, or a list of {split, path}. */
function configsOfCard(files: readonly string[], card: unknown): HubConfigs | undefined {
  const given = (card as { configs?: unknown } | null | undefined)?.configs;
  if (!Array.isArray(given)) return undefined;
  const configs: HubConfigs["configs"] = new Map();
  let preferred: string | undefined;
  for (const one of given as Record<string, unknown>[]) {
    const { config_name: name = "default", data_files: wanted, default: isDefault } = one ?? {};
    if (typeof name !== "string" || wanted === undefined) continue;
    const splits = new Map<string, string[]>();
    for (const item of Array.isArray(wanted) ? wanted : [wanted]) {
      const { split = "train", path = item } = (typeof item === "object" ? (item ?? {}) : {}) as Record<string, unknown>;
      const patterns = (Array.isArray(path) ? path : [path]).filter((text): text is string => typeof text === "string");
      const found = files.filter((file) => patterns.some((pattern) => globMatches(pattern, file))).sort();
      if (found.length > 0) splits.set(String(split), [...(splits.get(String(split)) ?? []), ...found]);
    }
    if (splits.size === 0) continue;
    configs.set(name, splits);
    if (isDefault === true) preferred = name;
  }
  if (configs.size === 0) return undefined;
  return preferred === undefined ? withPreferred(configs) : { configs, preferred };
}

const SPLITS: readonly (readonly [split: string, words: RegExp])[] = [
  ["train", /(?<![a-z])(?:train|training)(?![a-z])/i],
  ["validation", /(?<![a-z])(?:validation|valid|val|dev)(?![a-z])/i],
  ["test", /(?<![a-z])(?:test|testing|eval|evaluation)(?![a-z])/i],
];
/** Of files of several kinds those of the first are the rows. */
const KINDS: readonly RegExp[] = [
  /\.parquet$/i,
  /\.(?:jsonl|ndjson)(?:\.gz)?$/i,
  /\.json(?:\.gz)?$/i,
  /\.[ct]sv(?:\.gz)?$/i,
  /\.txt(?:\.gz)?$/i,
];
const NO_ROWS = /^(?:readme|licen[cs]e|requirements|dataset_infos?|dataset_dict|state|\.)/i;

/** Splits by the words in the names of files, else of folders; all rows are "train" where no name says anything. */
function splitsByName(files: readonly string[]): Map<string, string[]> {
  const nameOf = (file: string) => file.slice(file.lastIndexOf("/") + 1);
  const data = files.filter((file) => !file.split("/").some((part) => NO_ROWS.test(part))).sort();
  for (const kind of KINDS) {
    const rows = data.filter((file) => kind.test(file));
    if (rows.length === 0) continue;
    const splits = new Map<string, string[]>();
    for (const file of rows) {
      const split = (text: string) => SPLITS.find(([, words]) => words.test(text))?.[0];
      const found = split(nameOf(file)) ?? split(file.slice(0, -nameOf(file).length));
      if (found !== undefined) splits.set(found, [...(splits.get(found) ?? []), file]);
    }
    return splits.size > 0 ? splits : new Map([["train", rows]]);
  }
  return new Map();
}

/** Throws (data) where parts of a split are not there: "train-00000-of-00002" wants its sibling. For a cache, which may hold a part only. */
export function checkParts(files: readonly string[], where: string): void {
  const parts = new Map<string, number>();
  for (const file of files) {
    const [, before, total] = /^(.*)-\d{5}-of-(\d{5})/.exec(file) ?? [];
    if (before === undefined) continue;
    const key = `${before}-of-${total}`;
    parts.set(key, (parts.get(key) ?? 0) + 1);
  }
  for (const [key, count] of parts) {
    const total = Number(key.slice(-5));
    if (count < total) throw dataError(`${where}: ${count} of ${total} parts of ${printable(key)} are there`);
  }
}
