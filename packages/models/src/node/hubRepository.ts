// A repository of the hub on disk, in the cache that Python's huggingface_hub has: models--org--name (or datasets--org--name) with
// refs/<revision>, which holds a commit, and snapshots/<commit>/<file>, links to blobs/<etag>. Files that one of the two has fetched are
// there for the other.

import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, posix } from "node:path";
import { listSome, networkError, printable, type UserError } from "../errors.js";
import { hubClient } from "../hub/client.js";
import { cacheFolderOf, type HubName, type HubRepoType, hubSettings } from "../hub/names.js";
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

export interface HubRepository extends HubName {
  commit: string;
  /** The snapshot of the commit. */
  folder: string;
  /** All that the repository has; null where the hub was not asked and only the cache is known. */
  files: readonly string[] | null;
  /** The path of a file in the snapshot, fetched if it is not there. Throws (network, data). */
  fetch(file: string): Promise<string>;
}

/**
 * Asks which commit a revision is at. Without the hub (HF_HUB_OFFLINE, or no answer) the cache takes its place where `missing` finds that it
 * has all that is needed. Throws (data) for a repository or revision that is not there or not allowed; (network).
 * @param missing the files that a snapshot lacks
 */
export async function openHubRepository(
  type: HubRepoType,
  { repo, revision }: HubName,
  options: HubOptions,
  missing: (folder: string) => Promise<readonly string[]> = async () => [],
): Promise<HubRepository> {
  const settings = hubSettings(options.env ?? process.env, homedir());
  const home = join(settings.cache, cacheFolderOf(repo, type));
  if (settings.isOffline) return cached("HF_HUB_OFFLINE is set");

  const token = settings.token ?? (await tokenFrom(settings.tokenFile));
  const client = hubClient({ endpoint: settings.endpoint, type, token, fetch: options.fetch, sleep: options.sleep });
  let found: Awaited<ReturnType<typeof client.revision>>;
  try {
    found = await client.revision(repo, revision);
  } catch (error) {
    if ((error as Partial<UserError>).exitClass !== "network") throw error;
    const copy = await cached((error as Error).message, error).catch(() => undefined);
    if (!copy) throw error;
    options.onNote?.(`${(error as Error).message}; the copy in the cache is used (commit ${copy.commit.slice(0, 12)})`);
    return copy;
  }
  const { commit, files } = found;
  const folder = join(home, "snapshots", commit);
  if (revision !== commit) await diskSink(join(home, "refs")).write(revision, commit);
  return {
    repo,
    revision,
    commit,
    folder,
    files,
    async fetch(file) {
      checkRelativePath(file, repo);
      const path = join(folder, file);
      if (await isThere(path)) return path;
      const facts = await client.facts(repo, commit, file);
      const blob = await fetchBlob({
        home,
        file,
        ...facts,
        sleep: options.sleep,
        open: (from) => client.open(repo, commit, file, from),
        onProgress: options.onProgress,
      });
      await linkBlob(blob, path, posix.join(...file.split("/").map(() => ".."), ".."));
      return path;
    },
  };

  /** What the cache has, where that is enough. Throws (network) naming what is missing. */
  async function cached(why: string, cause?: unknown): Promise<HubRepository> {
    const fail = (what: string) => networkError(`${printable(repo)}: ${what}: ${why}; fetch it once with a connection`, cause);
    const isCommit = /^[0-9a-f]{40}$/.test(revision);
    const ref = isCommit ? revision : await readFile(join(home, "refs", ...revision.split("/")), "utf8").catch(() => undefined);
    const commit = ref?.trim() ?? "";
    const folder = join(home, "snapshots", commit);
    if (!/^[0-9a-f]{40}$/.test(commit) || !(await isThere(folder))) throw fail(`is not in the cache (${printable(home, 200)})`);
    const lacking = await missing(folder);
    if (lacking.length > 0) throw fail(`the cache lacks ${listSome(lacking)}`);
    return {
      repo,
      revision,
      commit,
      folder,
      files: null,
      async fetch(file) {
        checkRelativePath(file, repo);
        if (!(await isThere(join(folder, file)))) throw fail(`the cache lacks ${printable(file, 200)}`);
        return join(folder, file);
      },
    };
  }
}

/** A file or folder, links followed: a link whose blob is gone counts as missing. */
export async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function tokenFrom(file: string): Promise<string | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.trim() || undefined;
}
