// Models from the hub on disk, in the cache that Python's huggingface_hub has: models--org--name/refs/<revision> holds a commit,
// snapshots/<commit>/<file> are links to blobs/<etag>. Files that one of the two has fetched are there for the other.

import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, posix } from "node:path";
import { dataError, listSome, networkError, printable, type UserError, usageError } from "../errors.js";
import { hubClient } from "../hub/client.js";
import { cacheFolderOf, type HubName, hubSettings, neededFiles, parseHubName } from "../hub/names.js";
import { checkRelativePath } from "../source.js";
import { diskSink } from "./diskSink.js";
import { type DownloadProgress, fetchBlob, linkBlob } from "./hubBlobs.js";

export interface HubOptions {
  /** Default: process.env. */
  env?: Readonly<Record<string, string | undefined>>;
  fetch?: typeof fetch;
  sleep?: (milliseconds: number) => Promise<void>;
  /** Told of every few bytes that arrive. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Told, a line at a time, what the user should know. */
  onNote?: (note: string) => void;
}

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
  const settings = hubSettings(options.env ?? process.env, homedir());
  const home = join(settings.cache, cacheFolderOf(parsed.repo));
  if (settings.isOffline) return cachedModel(home, parsed, "HF_HUB_OFFLINE is set");

  const token = settings.token ?? (await tokenFrom(settings.tokenFile));
  const client = hubClient({ endpoint: settings.endpoint, token, fetch: options.fetch, sleep: options.sleep });
  let found: Awaited<ReturnType<typeof client.revision>>;
  try {
    found = await client.revision(parsed.repo, parsed.revision);
  } catch (error) {
    if ((error as Partial<UserError>).exitClass !== "network") throw error;
    const cached = await cachedModel(home, parsed, (error as Error).message, error).catch(() => undefined);
    if (!cached) throw error;
    options.onNote?.(`${(error as Error).message}; the copy in the cache is used (commit ${cached.commit.slice(0, 12)})`);
    return cached;
  }

  const { commit, files } = found;
  const folder = join(home, "snapshots", commit);
  const needed = neededFiles(files);
  if (!needed.some((file) => file === "config.json" || file === "adapter_config.json"))
    throw dataError(`${parsed.repo}: has no config.json; expected a model for transformers`);
  if (parsed.revision !== commit) await diskSink(join(home, "refs")).write(parsed.revision, commit);
  for (const file of needed) {
    await fetchFile(file);
    if (!file.endsWith(".index.json")) continue;
    for (const shard of await shardsOf(join(folder, file), file, files)) await fetchFile(shard);
  }
  return { ...parsed, commit, folder };

  async function fetchFile(file: string): Promise<void> {
    checkRelativePath(file, parsed!.repo);
    if (await isThere(join(folder, file))) return;
    const facts = await client.facts(parsed!.repo, commit, file);
    const blob = await fetchBlob({
      home,
      file,
      ...facts,
      sleep: options.sleep,
      open: (from) => client.open(parsed!.repo, commit, file, from),
      onProgress: options.onProgress,
    });
    await linkBlob(blob, join(folder, file), posix.join(...file.split("/").map(() => ".."), ".."));
  }
}

/** What the cache has of a model, complete. Throws (network) naming what is missing. */
async function cachedModel(home: string, { repo, revision }: HubName, why: string, cause?: unknown): Promise<HubModel> {
  const isCommit = /^[0-9a-f]{40}$/.test(revision);
  const ref = isCommit ? revision : await readFile(join(home, "refs", ...revision.split("/")), "utf8").catch(() => undefined);
  const commit = ref?.trim() ?? "";
  const folder = join(home, "snapshots", commit);
  if (!/^[0-9a-f]{40}$/.test(commit) || !(await isThere(folder)))
    throw networkError(
      `${printable(repo)}: is not in the cache (${printable(home, 200)}): ${why}; fetch it once with a connection`,
      cause,
    );
  const missing = await missingFiles(folder);
  if (missing.length > 0)
    throw networkError(
      `${printable(repo)}: the cache lacks ${listSome(missing)}: ${why}; fetch it once with a connection`,
      cause,
    );
  return { repo, revision, commit, folder };
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

/** A file or folder, links followed: a link whose blob is gone counts as missing. */
async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function tokenFrom(file: string): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trim() || undefined;
}
