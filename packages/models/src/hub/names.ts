// Names on the hub, where their files are, and what a model needs of its repository. Pure: the same in a browser.

import { usageError } from "../errors.js";

/** What a repository holds: the hub keeps the two apart, in its addresses as in the cache. */
export type HubRepoType = "model" | "dataset";

/** A repository and one of its versions. */
export interface HubName {
  /** "org/name", or "name" alone for the hub's oldest. */
  repo: string;
  /** A branch, tag or commit; "main" where none is given. */
  revision: string;
}

const PART = /^[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9_])?$/;
const REVISION = /^[A-Za-z0-9][\w./-]*$/;

/** "org/name" or "org/name@revision" as a name on the hub; undefined for what cannot be one, such as a path. */
export function parseHubName(text: string): HubName | undefined {
  const at = text.indexOf("@");
  const repo = at < 0 ? text : text.slice(0, at);
  const revision = at < 0 ? "main" : text.slice(at + 1);
  const parts = repo.split("/");
  const isName = parts.length <= 2 && parts.every((part) => PART.test(part) && part.length <= 96 && !/--|\.\./.test(part));
  const isRevision = REVISION.test(revision) && !/\.\.|\/\/|\/$/.test(revision) && revision.length <= 200;
  return isName && isRevision ? { repo, revision } : undefined;
}

/** The folder of a repository in the cache, as Python's huggingface_hub names it. */
export function cacheFolderOf(repo: string, type: HubRepoType = "model"): string {
  return `${type}s--${repo.replace("/", "--")}`;
}

/** Where things are and who is asking, from the environment that Python's huggingface_hub reads too. */
export interface HubSettings {
  /** The cache's folder: models--org--name/{blobs,refs,snapshots}. */
  cache: string;
  /** The file that `hf auth login` writes the token to. */
  tokenFile: string;
  /** From HF_TOKEN. */
  token: string | undefined;
  /** Without a slash at the end. */
  endpoint: string;
  isOffline: boolean;
}

/** Throws (usage) for an endpoint that is no web address. */
export function hubSettings(env: Readonly<Record<string, string | undefined>>, homeFolder: string): HubSettings {
  const isSet = (name: string) => /^(1|on|yes|true)$/i.test(env[name] ?? "");
  const caches = env.XDG_CACHE_HOME || `${homeFolder}/.cache`;
  const home = (env.HF_HOME || `${caches}/huggingface`).replace(/^~(?=\/|$)/, homeFolder);
  const endpoint = (env.HF_ENDPOINT || "https://huggingface.co").replace(/\/+$/, "");
  if (!/^https?:\/\/[^/@\s]+(\/\S*)?$/.test(endpoint))
    throw usageError("HF_ENDPOINT: expected a web address such as https://huggingface.co, without a user or password");
  return {
    cache: (env.HF_HUB_CACHE || env.HUGGINGFACE_HUB_CACHE || `${home}/hub`).replace(/^~(?=\/|$)/, homeFolder),
    tokenFile: env.HF_TOKEN_PATH || `${home}/token`,
    token: env.HF_TOKEN || env.HUGGING_FACE_HUB_TOKEN || undefined,
    endpoint,
    isOffline: isSet("HF_HUB_OFFLINE") || isSet("TRANSFORMERS_OFFLINE"),
  };
}

/** Small files that are fetched wherever they are: of the model, its tokenizer, an adapter. */
const SMALL_FILES = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "chat_template.jinja",
  "adapter_config.json",
];
/** Weights in the order of preference: the first that is there is fetched, and no other. */
const WEIGHTS = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
  "adapter_model.safetensors",
  "adapter_model.bin",
];

/**
 * What to fetch of a repository's files: first the small ones, then weights in one form. An index stands for its shards, which are
 * known when it is read. spiece.model counts only where there is no tokenizer.json, to say so.
 */
export function neededFiles(available: readonly string[]): string[] {
  const has = new Set(available);
  const small = SMALL_FILES.filter((name) => has.has(name));
  if (!has.has("tokenizer.json") && has.has("spiece.model")) small.push("spiece.model");
  const weights = WEIGHTS.find((name) => has.has(name));
  return weights ? [...small, weights] : small;
}
