// Requests to the hub: redirects followed by hand, so that the token reaches no other host; retries where waiting helps; and every
// answer that is no success as one line that says what to do.

import { dataError, networkError, printable, type UserError } from "../errors.js";
import type { HubRepoType } from "./names.js";

export interface HubClientOptions {
  endpoint: string;
  /** Default "model". */
  type?: HubRepoType;
  /** Sent to the endpoint's own host alone, and never printed. */
  token?: string;
  fetch?: typeof fetch;
  /** Waits between attempts; tests pass their own. */
  sleep?: (milliseconds: number) => Promise<void>;
  /** Attempts in all, of a request that may succeed later. Default 5. */
  attempts?: number;
}

/** What a file is, before it is fetched. */
export interface HubFileFacts {
  /** sha256 of large files, git's sha1 of small ones. */
  etag: string;
  size: number;
}

export interface HubRevision {
  /** The commit that the revision is at now. All files are fetched from it: the branch may move. */
  commit: string;
  files: string[];
}

export interface HubClient {
  /** Throws (data) where repository or revision are not there or not allowed; (network). */
  revision(repo: string, revision: string): Promise<HubRevision>;
  facts(repo: string, commit: string, file: string): Promise<HubFileFacts>;
  /** The file from byte `from` on; `begin` is 0 where the server sends all of it anyway. */
  open(repo: string, commit: string, file: string, from: number): Promise<{ begin: number; body: ReadableStream<Uint8Array> }>;
}

const MAX_REDIRECTS = 8;
/** A server that asks for more patience than this is given up on. */
const LONGEST_WAIT_MS = 60_000;
const ANSWER_TIMEOUT_MS = 60_000;

export function hubClient(options: HubClientOptions): HubClient {
  const { endpoint, token, type = "model", attempts = 5 } = options;
  const call = options.fetch ?? fetch;
  const sleep = options.sleep ?? ((milliseconds) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds)));
  const origin = new URL(endpoint).origin;
  const encoded = (path: string) => path.split("/").map(encodeURIComponent).join("/");
  const base = type === "model" ? endpoint : `${endpoint}/datasets`; // of pages and files
  const kind = type === "model" ? "model" : "data set";
  const fileUrl = (repo: string, commit: string, file: string) =>
    `${base}/${encoded(repo)}/resolve/${encodeURIComponent(commit)}/${encoded(file)}`;

  /** One answer, redirects followed where `follow` says so. Never throws anything but (network). */
  async function answerOf(url: string, init: RequestInit, follow: (target: URL) => boolean): Promise<Response> {
    let target = new URL(url);
    for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
      const headers = new Headers(init.headers);
      headers.set("accept-encoding", "identity"); // sizes and ranges are those of the file
      headers.set("user-agent", "attune");
      if (token && target.origin === origin) headers.set("authorization", `Bearer ${token}`);
      // until the answer begins: its body may take hours, and whoever reads it watches for silence
      const abort = new AbortController();
      const timer = setTimeout(() => abort.abort(new Error("no answer in time")), ANSWER_TIMEOUT_MS);
      const asked = call(target, { ...init, headers, redirect: "manual", signal: abort.signal });
      const response = await asked.finally(() => clearTimeout(timer));
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || !location) return response;
      const next = new URL(location, target);
      if (!/^https?:$/.test(next.protocol) || (target.protocol === "https:" && next.protocol === "http:"))
        throw networkError(`${shown(target)}: redirects to ${printable(next.protocol)}, which is not safe; try again later`);
      if (!follow(next)) return response;
      await response.body?.cancel();
      target = next;
    }
    throw networkError(`${shown(new URL(url))}: more than ${MAX_REDIRECTS} redirects; check HF_ENDPOINT`);
  }

  /** The answer to a request, retried while that may help; the last failure is thrown. */
  async function request(url: string, init: RequestInit, follow: (target: URL) => boolean = () => true): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      let failure: UserError;
      let wait = backoff(attempt);
      try {
        const response = await answerOf(url, init, follow);
        if (response.status !== 429 && response.status < 500) return response;
        await response.body?.cancel();
        wait = retryAfter(response) ?? wait;
        const busy = response.status === 429 ? "asks for fewer requests" : "has a fault of its own";
        failure = networkError(`${shown(new URL(url))}: the hub ${busy} (HTTP ${response.status}); try again later`);
      } catch (cause) {
        if ((cause as Partial<UserError>).exitClass) throw cause;
        failure = networkError(`${shown(new URL(url))}: cannot be reached: ${reasonOf(cause)}`, withoutToken(cause));
      }
      if (attempt >= attempts || wait > LONGEST_WAIT_MS) throw failure;
      await sleep(wait);
    }
  }

  return {
    async revision(repo, revision) {
      const url = `${endpoint}/api/${type}s/${encoded(repo)}/revision/${encodeURIComponent(revision)}`;
      const response = await request(url, {});
      if (!response.ok) throw await refusal(response, repo, revision);
      const text = await response.text().catch((cause) => {
        throw networkError(`${shown(new URL(url))}: the connection broke: ${reasonOf(cause)}`, cause);
      });
      let answer: unknown;
      try {
        answer = JSON.parse(text);
      } catch {
        throw networkError(`${shown(new URL(url))}: answered with something else than JSON; is a log-in page in between?`);
      }
      const { sha, siblings } = answer as { sha?: unknown; siblings?: unknown };
      if (typeof sha !== "string" || !/^[0-9a-f]{40}$/.test(sha) || !Array.isArray(siblings))
        throw networkError(`${shown(new URL(url))}: answered without a commit and files; check HF_ENDPOINT`);
      const files = siblings.map((item) => (item as { rfilename?: unknown } | null)?.rfilename);
      return { commit: sha, files: files.filter((name): name is string => typeof name === "string") };
    },

    async facts(repo, commit, file) {
      const url = fileUrl(repo, commit, file);
      // the hub itself describes a file before it redirects to where its bytes are
      const response = await request(url, { method: "HEAD" }, (target) => target.origin === origin);
      if (response.status >= 400) throw await refusal(response, repo, commit, file);
      const etag = (response.headers.get("x-linked-etag") ?? response.headers.get("etag") ?? "")
        .replace(/^W\//, "")
        .replaceAll('"', "");
      const size = response.headers.get("x-linked-size") ?? response.headers.get("content-length") ?? "";
      if (!/^[0-9A-Za-z_-]{1,128}$/.test(etag) || !/^\d{1,15}$/.test(size))
        throw networkError(`${shown(new URL(url))}: the hub says no size or no etag of it; check HF_ENDPOINT`);
      return { etag, size: Number(size) };
    },

    async open(repo, commit, file, from) {
      const url = fileUrl(repo, commit, file);
      const response = await request(url, { headers: from > 0 ? { range: `bytes=${from}-` } : {} });
      if (response.status === 416 && from > 0) {
        await response.body?.cancel();
        return this.open(repo, commit, file, 0); // what is here already is longer than the file: begin again
      }
      if (!response.ok) throw await refusal(response, repo, commit, file);
      if (!response.body) throw networkError(`${shown(new URL(url))}: answered without content; try again`);
      const begin = response.status === 206 ? rangeBegin(response) : 0;
      if (begin !== 0 && begin !== from)
        throw networkError(`${shown(new URL(url))}: sent other bytes than were asked for; try again`);
      return { begin, body: response.body };
    },
  };

  /** What an answer that is no success means for the user. */
  async function refusal(response: Response, repo: string, revision: string, file?: string): Promise<UserError> {
    await response.body?.cancel();
    const name = printable(repo);
    const code = response.headers.get("x-error-code") ?? "";
    const page = `${base}/${name}`;
    const logIn = token
      ? "the token (HF_TOKEN, or the file that hf auth login writes) does not allow it"
      : "log in: set HF_TOKEN to a token of your account, or run hf auth login";
    if (code === "GatedRepo")
      return dataError(`${name}: is gated: accept its terms at ${page}, then ${token ? "try again" : logIn}`);
    if (response.status === 403) return dataError(`${name}: access is not allowed (HTTP 403): ${logIn}; see ${page}`);
    if (code === "RevisionNotFound" || (response.status === 404 && revision !== "main" && code !== "RepoNotFound" && !file))
      return dataError(`${name}: no revision "${printable(revision)}"; see ${page}/tree/main for its branches and tags`);
    if (file && response.status === 404) return dataError(`${name}: has no file ${printable(file)} at ${printable(revision)}`);
    // the hub says 401 for what is not there, too: names of private models are not told
    if (response.status === 401 || response.status === 404)
      return dataError(`${name}: no such ${kind} on ${shown(new URL(endpoint))}, or it is private: check the name; ${logIn}`);
    return networkError(`${name}: the hub answered HTTP ${response.status} ${printable(response.statusText)}`);
  }
}

/** 0.5, 1, 2, 4 ... seconds, each up to half as long again: many clients must not come back together. */
function backoff(attempt: number): number {
  return 500 * 2 ** (attempt - 1) * (1 + Math.random() / 2);
}

/** Milliseconds that Retry-After asks for, as seconds or as a date. */
function retryAfter(response: Response): number | undefined {
  const text = response.headers.get("retry-after");
  if (!text) return undefined;
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(0, milliseconds) : undefined;
}

function rangeBegin(response: Response): number {
  const begin = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
  return begin === undefined ? -1 : Number(begin);
}

/** An address without what may be secret in it: signatures of storage servers stand in the query. */
function shown(url: URL): string {
  return printable(`${url.origin}${url.pathname === "/" ? "" : url.pathname}`, 200);
}

/** Why a request failed; Node hides it in the cause. */
export function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: { code?: string; message?: string } };
  return printable(cause?.code ?? cause?.message ?? message, 160);
}

/** A cause that can be printed: fetch's errors hold no headers, but those of other implementations may. */
function withoutToken(cause: unknown): Error {
  return new Error(reasonOf(cause));
}
