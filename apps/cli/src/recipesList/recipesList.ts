// The recipes that come with attune: read from their files, whose first comment says what they are.
import { readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { nearest, printable } from "@attune/models";
import { isScalar, parseDocument } from "yaml";
import { userError } from "../errors.js";
import { loadRun } from "../run/load.js";
import type { Run } from "../run/schema.js";
import { shippedFolder } from "../shipped.js";

export interface Recipe {
  name: string;
  file: string;
  /** The comment at its top, whole. */
  description: string;
  /** Its first sentence. */
  summary: string;
  run: Run;
}

/** Keys of files and folders, which stand from the recipe's own folder. */
const PATH_KEYS: readonly (readonly (string | number)[])[] = [
  ["model", "path"],
  ["model", "init", "tokenizer"],
  ["data", "train"],
  ["data", "validation"],
];

export async function listRecipes(folder = shippedFolder("recipes")): Promise<Recipe[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith(".yaml")).sort();
  return Promise.all(files.map((name) => readRecipe(path.join(folder, name))));
}

/** Throws (usage) with the nearest name. */
export async function recipeNamed(name: string, folder = shippedFolder("recipes")): Promise<Recipe> {
  const names = (await readdir(folder)).filter((file) => file.endsWith(".yaml")).map((file) => file.slice(0, -".yaml".length));
  const wanted = name.replace(/\.yaml$/, "");
  if (names.includes(wanted)) return readRecipe(path.join(folder, `${wanted}.yaml`));
  const near = nearest(wanted, names);
  throw userError(
    "usage",
    `no recipe "${printable(name)}"; ${near ? `did you mean ${near}?` : `there are ${names.sort().join(", ")}`}`,
  );
}

async function readRecipe(file: string): Promise<Recipe> {
  const description = commentOf(await readFile(file, "utf8"));
  return {
    name: path.basename(file, ".yaml"),
    file,
    description,
    summary: summaryOf(description),
    run: await loadRun(file),
  };
}

/** Up to the first full stop or colon that is not within brackets. */
export function summaryOf(description: string): string {
  const text = description.replace(/\n/g, " ");
  let depth = 0;
  for (const [i, character] of [...text].entries()) {
    if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (depth <= 0 && /[.:]/.test(character) && /^(?:\s|$)/.test(text.slice(i + 1))) return text.slice(0, i);
  }
  return text;
}

/** The lines of comment that a file begins with, without their marks and without what is for editors. */
export function commentOf(text: string): string {
  const lines = text.split(/\r?\n/);
  const end = lines.findIndex((line) => !line.startsWith("#"));
  return lines
    .slice(0, end < 0 ? lines.length : end)
    .filter((line) => !line.startsWith("# yaml-language-server:"))
    .map((line) => line.replace(/^# ?/, "").trimEnd())
    .join("\n");
}

/**
 * Writes a recipe to a file of the user's own. Its text stays as it is; only paths are set to where their files are from there. Throws
 * (usage) where the file is there, but for `force`.
 */
export async function copyRecipe(recipe: Recipe, target: string, { force = false } = {}): Promise<void> {
  if (!force && (await exists(target)))
    throw userError("usage", `${target}: is there already; replace it with --force, or name another file`);
  const text = await readFile(recipe.file, "utf8");
  const moved = await withPathsFrom(text, path.dirname(recipe.file), path.dirname(path.resolve(target)));
  const temporary = `${target}.tmp-${process.pid}`;
  await writeFile(temporary, moved);
  await rename(temporary, target);
}

/** The YAML with its paths, as far as there are such files, from another folder. All else stays letter for letter. */
export async function withPathsFrom(text: string, from: string, to: string): Promise<string> {
  const document = parseDocument(text);
  const mixture = (document.toJS() as { data?: { mixture?: unknown[] } }).data?.mixture ?? [];
  const keys = [
    ...PATH_KEYS,
    ...mixture.flatMap((_, i) => [
      ["data", "mixture", i, "train"],
      ["data", "mixture", i, "validation"],
    ]),
  ];
  const edits: { start: number; end: number; value: string }[] = [];
  for (const key of keys) {
    const node = document.getIn(key, true);
    if (!isScalar(node) || typeof node.value !== "string" || !node.range) continue;
    const file = path.resolve(from, node.value);
    if (!(await exists(file))) continue; // a name on the hub, or a file that the user is to name
    const relative = path.relative(to, file).split(path.sep).join("/");
    edits.push({
      start: node.range[0],
      end: node.range[1],
      value: /^[\w./@-]+$/.test(relative) ? relative : JSON.stringify(relative),
    });
  }
  return edits
    .sort((a, b) => b.start - a.start)
    .reduce((whole, { start, end, value }) => whole.slice(0, start) + value + whole.slice(end), text);
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
