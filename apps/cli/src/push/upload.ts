// To the hub in one commit: the repository is made where it is missing, small files go within the commit, large ones through LFS first.
// @huggingface/hub speaks the protocol; what it throws becomes one line of a class.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { dataError, type HubSettings, networkError, parseHubName, printable, usageError } from "@attune/models";
import { CARD_MARK } from "./card.js";

export interface UploadFile {
  /** In the repository. */
  name: string;
  /** A file here, or text. */
  content: { file: string } | { text: string };
}

export interface UploadOptions {
  settings: HubSettings;
  token: string;
  repo: string;
  isPrivate: boolean;
  message: string;
  files: readonly UploadFile[];
  onProgress?(line: string): void;
  signal?: AbortSignal;
}

/** From HF_TOKEN, or the file that `hf auth login` writes; never from the command line, which other users can see. Throws (usage). */
export async function hubToken({ token, tokenFile }: HubSettings): Promise<string> {
  const found = (token ?? (await readFile(tokenFile, "utf8").catch(() => ""))).trim();
  if (!found) throw usageError("no token for the hub: set HF_TOKEN to one that may write, or run hf auth login");
  if (!/^hf_\w+$/.test(found))
    throw usageError("the token for the hub (HF_TOKEN, or hf auth login's file) is none: expected hf_ and letters");
  return found;
}

/** Throws (usage) for what cannot be a repository's name. */
export function checkRepo(repo: string): string {
  const name = parseHubName(repo);
  if (name && repo.includes("/") && !repo.includes("@")) return repo;
  throw usageError(`"${printable(repo)}" names no repository; expected ORG/NAME, such as your-name/flan-t5-dialogues`);
}

/** Returns the commit's address, and whether a card of the user's own was left as it is. Throws (data), (network). */
export async function upload(options: UploadOptions): Promise<{ url: string; commit: string; keptCard: boolean }> {
  const { settings, token, repo, isPrivate, message, signal, onProgress = () => {} } = options;
  const { commitIter, createRepo } = await import("@huggingface/hub");
  const shared = { repo: { type: "model" as const, name: repo }, accessToken: token, hubUrl: settings.endpoint };
  try {
    await createRepo({ ...shared, ...(isPrivate ? { visibility: "private" as const } : {}) }).catch(
      (error: { statusCode?: number }) => {
        if (error.statusCode !== 409) throw error; // there already
      },
    );
    const keptCard = await hasOwnCard(settings.endpoint, token, repo);
    const files = options.files.filter(({ name }) => !(keptCard && name === "README.md"));
    const commit = commitIter({
      ...shared,
      title: message,
      operations: files.map(({ name, content }) => ({
        operation: "addOrUpdate" as const,
        path: name,
        content: "file" in content ? pathToFileURL(path.resolve(content.file)) : new Blob([content.text]),
      })),
      useXet: false, // the same bytes by plain LFS, which goes through proxies and needs no WebAssembly
      abortSignal: signal,
    });
    for (;;) {
      const { done, value } = await commit.next();
      if (done) return { url: `${settings.endpoint}/${repo}`, commit: value?.commit.oid ?? "", keptCard };
      if (value.event === "phase") onProgress(PHASES[value.phase]);
      else onProgress(`${value.path}: ${value.state} ${Math.floor(100 * value.progress)} %`);
    }
  } catch (error) {
    throw refusal(error, repo, settings.endpoint, signal);
  }
}

const PHASES = {
  preuploading: "asking what is large",
  uploadingLargeFiles: "sending weights",
  committing: "committing",
} as const;

/** A card that somebody wrote is worth more than one that was generated. */
async function hasOwnCard(endpoint: string, token: string, repo: string): Promise<boolean> {
  const response = await fetch(`${endpoint}/${repo}/resolve/main/README.md`, { headers: { authorization: `Bearer ${token}` } });
  return response.ok && !(await response.text()).includes(CARD_MARK);
}

function refusal(error: unknown, repo: string, endpoint: string, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  const { exitClass, statusCode, message, cause } = error as Error & {
    exitClass?: string;
    statusCode?: number;
    cause?: { code?: string };
  };
  if (exitClass) return error;
  const what = printable(String(message), 200);
  if (statusCode === 401)
    return dataError(`${repo}: the hub does not know the token (HTTP 401): set HF_TOKEN to one that may write`);
  if (statusCode === 403)
    return dataError(
      `${repo}: the token may not write there (HTTP 403): it needs the right to write, and you the right to ${repo.split("/")[0]}`,
    );
  if (statusCode === 404) return dataError(`${repo}: not found on ${endpoint} (HTTP 404): check the name and the token's rights`);
  if (statusCode !== undefined && statusCode < 500 && statusCode !== 429)
    return dataError(`${repo}: the hub refuses (HTTP ${statusCode}): ${what}`);
  if (statusCode !== undefined)
    return networkError(`${repo}: the hub answered HTTP ${statusCode}; nothing was committed, try again`);
  if (cause?.code || /fetch failed/.test(what))
    return networkError(`${endpoint}: cannot be reached (${cause?.code ?? what}); nothing was committed`);
  return networkError(`${repo}: the upload failed: ${what}; nothing was committed`);
}
