// zod's issues as lines for a person: where, which key, what was found, what is expected, which key was perhaps meant.
import { distance } from "fastest-levenshtein";
import type { z } from "zod";
import { ALIASES } from "./aliases.js";
import { MODEL_CONFIG_KEYS } from "./modelConfigKeys.js";
import { runSchema } from "./schema.js";

type Key = string | number;

/** Where something stands: as told to a person, and as a place to sort by. */
export interface Place {
  where: string;
  offset: number;
}

/** One line a problem, in the file's order. */
export function describeIssues(
  issues: readonly z.core.$ZodIssue[],
  given: unknown,
  placeOf: (path: readonly Key[]) => Place,
  fixedPlace: (issue: z.core.$ZodIssue) => Place | undefined = () => undefined,
): string[] {
  const problems = issues.flatMap((issue) => {
    const path = issue.path as Key[];
    if (issue.code !== "unrecognized_keys") {
      const name = path.join(".");
      return [
        { ...(fixedPlace(issue) ?? placeOf(path)), text: `${name ? `${name} ` : ""}${complaint(issue, valueAt(given, path))}` },
      ];
    }
    return issue.keys.map((key) => ({
      ...placeOf([...path, key]),
      text: `unknown key ${[...path, key].join(".")}${suggestion(key, path, given)}`,
    }));
  });
  return problems.sort((a, b) => a.offset - b.offset).map(({ where, text }) => `${where}: ${text}`);
}

function complaint(issue: z.core.$ZodIssue, value: unknown): string {
  const found = shown(value);
  switch (issue.code) {
    case "invalid_type":
      if (value === undefined) return "is missing";
      return `must be ${TYPES[issue.expected] ?? issue.expected}, not ${found}`;
    case "invalid_value":
      return `must be ${issue.values.map((one) => String(one)).join(" or ")}, not ${found}`;
    case "too_small":
      return typeof value === "number"
        ? `must be ${issue.inclusive ? "at least" : "more than"} ${issue.minimum}, not ${found}`
        : "must not be empty";
    case "too_big":
      return `must be ${issue.inclusive ? "at most" : "less than"} ${issue.maximum}, not ${found}`;
    case "custom":
    case "invalid_format":
      return issue.message;
    default:
      return `${issue.message} (${found})`;
  }
}

const TYPES: Record<string, string> = {
  int: "a whole number",
  number: "a number",
  string: "text",
  object: "a group of keys",
  record: "a group of keys",
  array: "a list",
};

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  const word =
    Number.isNaN(value) || value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY ? String(value) : text;
  return word.length > 60 ? `${word.slice(0, 57)}...` : word;
}

function suggestion(key: string, path: readonly Key[], given: unknown): string {
  const here = knownKeys(path, given);
  const elsewhere = Object.hasOwn(ALIASES, key) ? ALIASES[key] : undefined;
  if (elsewhere && path.length > 0) return `; here it is ${elsewhere.to}`; // at the top it would have been taken
  // The right name in the wrong group ("lr" at the top) is likelier than a misspelt other one.
  for (const group of ["train", "data", "lora", "eval", "model", "spanCorruption"]) {
    if (knownKeys([group], given).includes(key)) return `; did you mean ${group}.${key}?`;
  }
  const near = nearest(key, here);
  if (near) return `; did you mean ${[...path, near].join(".")}?`;
  return here.length > 0 && here.length <= 16 ? `; known are ${here.join(", ")}` : "";
}

/** The nearest of `candidates`: at most two edits away (or a third of the word), or one that begins the other. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[-_]/g, "");
  const limit = Math.max(2, Math.floor(word.length / 3));
  const ranked = candidates
    .map((name) => ({ name, edits: distance(plain(word), plain(name)) }))
    .sort((a, b) => a.edits - b.edits || (a.name < b.name ? -1 : 1));
  const first = ranked[0];
  if (first && first.edits <= limit && first.edits < plain(first.name).length) return first.name;
  return candidates.find((name) => word.length >= 3 && (name.startsWith(word) || word.startsWith(name)));
}

/** The keys that the schema knows at `path`. */
function knownKeys(path: readonly Key[], given: unknown): string[] {
  if (path.join(".") === "model.init.config") {
    const type = valueAt(given, [...path, "model_type"]) ?? "t5";
    return [...(MODEL_CONFIG_KEYS[String(type)] ?? [])];
  }
  let node: unknown = runSchema;
  for (const key of path) node = shapeOf(node)?.[key];
  return Object.keys(shapeOf(node) ?? {});
}

/** The shape of an object schema below any number of defaults and optionals. */
function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  let node = schema as { shape?: Record<string, unknown>; def?: { innerType?: unknown; out?: unknown } } | undefined;
  // "out": what a shorthand (data.template: NAME) is turned into
  while (node && !node.shape && (node.def?.innerType ?? node.def?.out))
    node = (node.def?.innerType ?? node.def?.out) as typeof node;
  return node?.shape;
}

function valueAt(tree: unknown, path: readonly Key[]): unknown {
  let node = tree;
  for (const key of path) {
    if (typeof node !== "object" || node === null || !Object.hasOwn(node, key)) return undefined;
    node = (node as Record<Key, unknown>)[key];
  }
  return node;
}
