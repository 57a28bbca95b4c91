// What is published: the files of an adapter or a model, and what the run beside them says of how they were made.
import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { dataError, printable, usageError } from "@attune/models";
import { parseRun } from "../run/load.js";
import { isHubName } from "../run/modelName.js";
import type { Run } from "../run/schema.js";

export interface Publication {
  kind: "adapter" | "model";
  /** Where the files lie. */
  folder: string;
  files: { name: string; bytes: number }[];
  /** config.json's or, of an adapter, adapter_config.json's. */
  config: Record<string, unknown>;
  /** Of the hub; null where it is a folder here, or unknown. */
  baseModel: string | null;
  /** Of the run that made it, as far as they are there. */
  run: Run | null;
  result: Record<string, unknown> | null;
}

/** Nothing else leaves this machine: no checkpoints, no metrics with paths, no hidden files. README.md is written anew. */
const PUBLISHED = /^(?!\.)[\w.-]+\.(?:safetensors|json|txt|model|jinja)$/;

/**
 * A run's folder (its adapter/ or model/ is taken), or a folder with an adapter or a model. Throws (usage) where it is neither, (data)
 * where its config cannot be read.
 */
export async function collect(given: string): Promise<Publication> {
  const folder = await weightsFolder(given);
  const names = (await readdir(folder)).filter((name) => PUBLISHED.test(name)).sort();
  const files: Publication["files"] = [];
  for (const name of names) {
    const facts = await stat(path.join(folder, name));
    if (facts.isFile()) files.push({ name, bytes: facts.size });
  }
  const kind = names.includes("adapter_config.json") ? "adapter" : "model";
  if (!names.some((name) => name.endsWith(".safetensors")))
    throw usageError(`${printable(folder, 300)}: has no weights (.safetensors); attune convert makes them from .bin`);
  const config = await jsonIn(path.join(folder, kind === "adapter" ? "adapter_config.json" : "config.json"));
  if (!config) throw dataError(`${printable(folder, 300)}: its config is no JSON object`);
  const home = folder === given ? path.dirname(folder) : given;
  const run = await runIn(home);
  const base = kind === "adapter" ? config.base_model_name_or_path : run?.model.path;
  return {
    kind,
    folder,
    files,
    config,
    baseModel: hubNameOf(base),
    run,
    result: run && (await jsonIn(path.join(home, "result.json"))),
  };
}

/** A name on the hub without its revision; absolute paths are of this machine alone. */
export function hubNameOf(name: unknown): string | null {
  if (typeof name !== "string" || path.isAbsolute(name) || name.startsWith(".") || !isHubName(name)) return null;
  return name.split("@")[0]!;
}

async function weightsFolder(given: string): Promise<string> {
  const entries = await readdir(given).catch((error: NodeJS.ErrnoException) => {
    throw usageError(`${given}: ${error.code === "ENOENT" ? "no such folder" : `cannot be read (${error.code})`}`);
  });
  if (entries.includes("adapter_config.json") || entries.includes("config.json")) return given;
  for (const name of ["adapter", "model"]) if (entries.includes(name)) return path.join(given, name);
  throw usageError(
    `${given}: holds neither an adapter nor a model; expected a run's folder, or one with adapter_config.json or config.json`,
  );
}

async function jsonIn(file: string): Promise<Record<string, unknown> | null> {
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

async function runIn(folder: string): Promise<Run | null> {
  try {
    const file = path.join(folder, "run.yaml");
    return parseRun(await readFile(file, "utf8"), { file });
  } catch {
    return null; // another tool's folder, or an older run: the card says less
  }
}
