// Models from the hub on disk: what a model needs of its repository, and whether a snapshot has it all.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { dataError, printable, usageError } from "../errors.js";
import { type HubName, neededFiles, parseHubName } from "../hub/names.js";
import { type HubOptions, isThere, openHubRepository } from "./hubRepository.js";

export interface HubModel extends HubName {
  commit: string;
  /** The snapshot: a model's folder like any other. */
  folder: string;
}

/**
 * Fetches what a model needs and is not in the cache: config, tokenizer, generation settings, and weights in one form. Throws (usage)
 * for what is no name; (data) for a model, revision or file that is not there or not allowed; (network) with the cache as it was, a
 * partial file kept to go on from.
 */
export async function hubModel(name: string, options: HubOptions = {}): Promise<HubModel> {
  const parsed = parseHubName(name);
  if (!parsed) throw usageError(`${printable(name)}: is no name on the hub; expected ORG/NAME or ORG/NAME@REVISION`);
  const found = await openHubRepository("model", parsed, options, missingFiles);
  const { commit, folder, files } = found;
  if (files === null) return { ...parsed, commit, folder };
  const needed = neededFiles(files);
  if (!needed.some((file) => file === "config.json" || file === "adapter_config.json"))
    throw dataError(`${parsed.repo}: has no config.json; expected a model for transformers`);
  for (const file of needed) {
    await found.fetch(file);
    if (!file.endsWith(".index.json")) continue;
    for (const shard of await shardsOf(join(folder, file), file, files)) await found.fetch(shard);
  }
  return { ...parsed, commit, folder };
}

/** What a snapshot lacks to be a model; [] where it is complete. */
async function missingFiles(folder: string): Promise<string[]> {
  const has = (file: string) => isThere(join(folder, file));
  if (await has("adapter_config.json")) return [];
  if (!(await has("config.json"))) return ["config.json"];
  for (const name of ["model.safetensors", "pytorch_model.bin"]) if (await has(name)) return [];
  for (const name of ["model.safetensors.index.json", "pytorch_model.bin.index.json"]) {
    if (!(await has(name))) continue;
    const missing: string[] = [];
    for (const shard of await shardsOf(join(folder, name), name)) if (!(await has(shard))) missing.push(shard);
    return missing;
  }
  return ["model.safetensors"];
}

/** The shards that an index names: plain file names, and of the repository where its files are known. Throws (data). */
async function shardsOf(index: string, name: string, available?: readonly string[]): Promise<string[]> {
  const where = printable(index, 200);
  let map: unknown;
  try {
    map = (JSON.parse(await readFile(index, "utf8")) as { weight_map?: unknown } | null)?.weight_map;
  } catch (cause) {
    throw dataError(`${where}: cannot be read as JSON`, cause);
  }
  const shards = [...new Set(Object.values(typeof map === "object" && map !== null ? map : {}))];
  for (const shard of shards) {
    if (typeof shard !== "string" || !/^(?!\.)[^/\\\0:~]+$/.test(shard) || (available && !available.includes(shard)))
      throw dataError(`${where}: names the shard ${printable(String(shard))}, which is no file beside ${name}`);
  }
  return shards as string[];
}
