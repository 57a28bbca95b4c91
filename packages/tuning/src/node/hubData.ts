// Data sets of the hub on disk, in the cache that Python's huggingface_hub has: the repository's own files as they are, else what the hub
// itself made of them (the branch refs/convert/parquet).

import { readdir, readFile } from "node:fs/promises";
import { join, posix, relative, sep } from "node:path";
import { dataError, type UserError } from "@attune/models";
import { diskSink, type HubOptions, type HubRepository, openHubRepository } from "@attune/models/node";
import { parse } from "yaml";
import {
  checkParts,
  chooseFiles,
  configsOf,
  configsOfParquet,
  fileOf,
  type HubConfigs,
  type HubDataName,
  hubDataText,
  parseHubData,
} from "../datasets/hubFiles.js";

export interface HubData {
  /** "hub:org/name#train", with all that was left out. */
  name: string;
  commit: string;
  /** The split's files in their order; of an archive "snapshot/data/a.zip/folder/b.txt". */
  files: string[];
}

const CARD = "README.md";
const PARQUET = "refs/convert/parquet";
const MAX_CARD = 1 << 20;

/** One answer a process: a branch that moves meanwhile must not give the rows of two commits to one run. */
const found = new Map<string, Promise<HubData>>();

/**
 * The files of "hub:ORG/NAME[@REVISION][:CONFIG][#SPLIT]", fetched where they are not in the cache. Throws (usage) for a configuration or a
 * split that is not there, naming those that are; (data) for a set that is not there or not allowed, or has no files of rows; (network).
 */
export async function hubData(text: string, options: HubOptions = {}): Promise<HubData> {
  const name = parseHubData(text);
  const { HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE } = options.env ?? process.env;
  const key = JSON.stringify([hubDataText(name), HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE]);
  let answer = found.get(key);
  if (!answer) {
    answer = fetchData(name, options).catch((error) => {
      found.delete(key);
      throw error;
    });
    found.set(key, answer);
  }
  return answer;
}

/** For tests, whose hub changes. */
export const forgetHubData = (): void => found.clear();

async function fetchData(name: HubDataName, options: HubOptions): Promise<HubData> {
  let repository: HubRepository | undefined;
  let failure: unknown;
  try {
    repository = await openHubRepository("dataset", name, options);
  } catch (error) {
    if ((error as Partial<UserError>).exitClass !== "network") throw error;
    failure = error; // without the hub the cache may still have the converted branch
  }
  const own = repository && (await ownConfigs(name, repository));
  if (repository && own) return filesOf(name, repository, own);
  let converted: HubRepository;
  try {
    converted = await openHubRepository("dataset", { repo: name.repo, revision: PARQUET }, options);
  } catch (error) {
    if (failure !== undefined) throw failure;
    if ((error as Partial<UserError>).exitClass !== "data") throw error;
    throw dataError(
      `${hubDataText(name)}: has no files of rows (Parquet, JSON Lines, JSON, CSV, text), nor has the hub converted it (${PARQUET}); fetch its files and name them`,
      error,
    );
  }
  return filesOf(name, converted, configsOfParquet(await listOf(converted)));
}

async function ownConfigs(name: HubDataName, repository: HubRepository): Promise<HubConfigs | undefined> {
  const files = await listOf(repository);
  const card = files.includes(CARD) ? frontMatter(await readFile(await repository.fetch(CARD), "utf8")) : undefined;
  return configsOf(name.repo, files, card);
}

async function filesOf(name: HubDataName, repository: HubRepository, configs: HubConfigs): Promise<HubData> {
  const chosen = chooseFiles(configs, name);
  checkParts(chosen, hubDataText(name));
  const files: string[] = [];
  for (const path of chosen) files.push(join(await repository.fetch(fileOf(path)), relative(fileOf(path), path)));
  const { split = "train" } = name;
  return { name: hubDataText({ ...name, split }), commit: repository.commit, files };
}

/**
 * All files of a repository. What the hub says is kept beside the snapshots, so that without the hub a file that was never fetched is told
 * from one that is not there; of a cache that Python filled only the snapshot itself is known.
 */
async function listOf({ files, folder, commit }: HubRepository): Promise<readonly string[]> {
  const home = join(folder, "..", "..", ".attune-files");
  if (files !== null) {
    await diskSink(home).write(`${commit}.json`, JSON.stringify(files));
    return files;
  }
  const kept = await readFile(join(home, `${commit}.json`), "utf8").catch(() => undefined);
  if (kept !== undefined) {
    try {
      const names: unknown = JSON.parse(kept);
      if (Array.isArray(names) && names.every((one) => typeof one === "string")) return names;
    } catch {
      // the snapshot tells
    }
  }
  const held = await readdir(folder, { recursive: true, withFileTypes: true });
  return held
    .filter((one) => !one.isDirectory())
    .map((one) => relative(folder, join(one.parentPath, one.name)).split(sep).join(posix.sep))
    .sort();
}

/** The YAML between the two lines "---" that a card begins with; undefined where there is none, or none that can be read. */
function frontMatter(text: string): unknown {
  const matter = /^\ufeff?---[ \t]*\r?\n([\s\S]*?)\n---[ \t]*(?:\r?\n|$)/.exec(text.slice(0, MAX_CARD))?.[1];
  if (matter === undefined) return undefined;
  try {
    return parse(matter, { maxAliasCount: 100, logLevel: "silent" });
  } catch {
    return undefined; // the files' names tell
  }
}
