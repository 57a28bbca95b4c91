// What a run's updates depend on, written down so that two runs can be told apart: keys of its YAML, and fingerprints of its files.
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { printable } from "@attune/models";
import { isHubData } from "@attune/tuning";
import { sha256Of } from "@attune/tuning/node";
import { type Run, runSchema } from "../run/schema.js";
import { fetchHubData, modelFolder } from "./modelFiles.js";

/** Most of a file that its fingerprint reads from each end, where it is larger than both. */
const ENDS = 32 << 20;
const DATA_FILES = /^data\.(?:train|validation|mixture\.\d+\.(?:train|validation))$/;
const LEFT_OUT = /^(?:name|out|eval\.first|log\..*|save\..*|train\.logEvery)$/;
/** What evaluations are counts only where they decide about weights or the end. */
const LEFT_OUT_WITHOUT_BEST = /^eval\..*$/;
/** Of a model's folder, and of one that gives its tokenizer alone. */
const MODEL_FILES = /\.(?:safetensors|bin|json|jinja)$|^merges\.txt$/;
const TOKENIZER_FILES = /^(?:tokenizer|tokenizer_config|vocab)\.json$|\.jinja$|^merges\.txt$/;
/** Those that the first checkpoints did not look at: where none of them is in a record, nothing is known. */
const LATER_FILES = /^model\.(?:init\.tokenizer\/|path\/(?:.*\.jinja|merges\.txt)$)/;

/** All keys of the run that updates depend on, by their dotted names, and what its files are. Keys that are left out of the YAML are left out here. */
export async function settingsOf(run: Run): Promise<Record<string, unknown>> {
  const settings = keysOf(run);
  for (const [key, file] of Object.entries(settings)) {
    if (!DATA_FILES.test(key) || typeof file !== "string") continue;
    settings[key] = isHubData(file) ? `${file}, commit ${(await fetchHubData(file)).commit}` : await fingerprint(file);
  }
  const { path: name, init } = run.model;
  if (name) Object.assign(settings, await folderSettings("model.path", await modelFolder(name), MODEL_FILES));
  if (init)
    Object.assign(settings, await folderSettings("model.init.tokenizer", await modelFolder(init.tokenizer), TOKENIZER_FILES));
  return settings;
}

/** What is set, by dotted names. */
function keysOf(run: Pick<Run, "eval">): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  const visit = (value: unknown, name: string): void => {
    if (LEFT_OUT.test(name) || (run.eval.best === null && LEFT_OUT_WITHOUT_BEST.test(name))) return;
    const isPlain = typeof value !== "object" || value === null || (Array.isArray(value) && typeof value[0] !== "object");
    if (isPlain) settings[name] = value;
    else for (const [key, item] of Object.entries(value)) visit(item, name ? `${name}.${key}` : key);
  };
  visit(run, "");
  return settings;
}

/** Of every key that has a plain default. A checkpoint that was made before a key existed knows nothing of it, and did what the default does. */
function defaults(): Record<string, unknown> {
  const plain = runSchema.parse({ name: "x", model: { path: "x" }, data: { train: "x" }, lora: {} });
  return keysOf({ ...plain, eval: { ...plain.eval, best: "loss" } });
}

/** A folder (of the hub's cache: its name holds the commit), and what is in it. */
async function folderSettings(key: string, folder: string, files: RegExp): Promise<Record<string, string>> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => files.test(name)).sort();
  const found: Record<string, string> = { [key]: folder };
  for (const name of names) found[`${key}/${name}`] = await fingerprint(path.join(folder, name));
  return found;
}

async function fingerprint(file: string): Promise<string> {
  const { size } = await stat(file);
  if (size <= 2 * ENDS) return `${size} bytes, sha256 ${await sha256Of(file)}`;
  const [head, tail] = [await sha256Of(file, { end: ENDS - 1 }), await sha256Of(file, { start: size - ENDS })];
  return `${size} bytes, sha256 of the ends ${head} ${tail}`;
}

/** What is not the same, each as one clause. */
export function differences(before: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>): string[] {
  const usual = defaults();
  const knew = Object.keys(before).some((key) => LATER_FILES.test(key));
  const show = (value: unknown): string => (value === undefined ? "nothing" : printable(JSON.stringify(value), 60));
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].sort().flatMap((key) => {
    if (JSON.stringify(before[key]) === JSON.stringify(now[key])) return [];
    if (!knew && LATER_FILES.test(key)) return [];
    if (!Object.hasOwn(before, key) && Object.hasOwn(usual, key) && JSON.stringify(usual[key]) === JSON.stringify(now[key]))
      return [];
    if (String(before[key]).includes("sha256")) return [`${key} has other contents`];
    return [`${key} was ${show(before[key])} and is ${show(now[key])}`];
  });
}
