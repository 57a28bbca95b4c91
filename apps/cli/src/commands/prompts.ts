// Prompts from the command line, a file, or stdin; a line each, as text or as JSON. Or rows, which the model's own template makes prompts of.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import type { Row } from "@attune/models";
import { userError } from "../errors.js";
import type { GenerationFiles } from "../recipes/generate.js";

export interface PromptSource {
  file?: string;
  /** Field of a JSON line; absent: text, but for a .jsonl file. */
  field?: string;
}

/** Throws (usage) where there are none, or from two places; (data) naming the line that holds none. */
export async function promptsOf(given: readonly string[], { file, field }: PromptSource): Promise<string[]> {
  if (given.length > 0) {
    if (file !== undefined) throw userError("usage", "prompts come as arguments or from --file, not both");
    if (field !== undefined) throw userError("usage", "--field is for JSON lines from --file or stdin, not for arguments");
    return [...given];
  }
  if (file === undefined && process.stdin.isTTY)
    throw userError("usage", "no prompts: give them as arguments, with --file, or on stdin");
  const content = file === undefined ? await text(process.stdin) : await readFile(file, "utf8").catch(readFault(file));
  const isJson = field !== undefined || file?.endsWith(".jsonl") === true;
  const lines = content.replace(/^\ufeff/, "").split(/\r?\n/);
  const prompts = lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    return [isJson ? promptIn(line, field ?? "prompt", `${file ?? "stdin"}, line ${i + 1}`) : line];
  });
  if (prompts.length === 0) throw userError("usage", `${file ?? "stdin"}: no prompts; expected one a line`);
  return prompts;
}

export interface RowSource {
  /** Rows as JSON. */
  row?: string[];
  /** A data file. */
  rows?: string;
}

/** Throws (usage) beside prompts, (data) for what is no row. */
export async function rowsOf(
  given: readonly string[],
  { row = [], rows, file, field }: RowSource & PromptSource,
): Promise<Row[]> {
  if (given.length > 0 || file !== undefined || field !== undefined)
    throw userError(
      "usage",
      "--row and --rows are asked through the model's template; prompts, --file and --field are not: give either",
    );
  const found = row.map((json, i): Row => {
    let fields: unknown;
    try {
      fields = JSON.parse(json);
    } catch (error) {
      throw userError("usage", `--row ${i + 1}: is no JSON: ${(error as Error).message}`, error);
    }
    if (typeof fields === "object" && fields !== null && !Array.isArray(fields))
      return { where: `--row ${i + 1}`, fields: fields as Row["fields"] };
    throw userError("usage", `--row ${i + 1}: expected an object of fields, such as '{"dialogue": "..."}'`);
  });
  if (rows === undefined) return found;
  const { readRows } = await import("@attune/tuning/node");
  for await (const one of readRows(rows)) found.push(one);
  return found;
}

/** The prompts that the template beside the model's weights makes. Throws (usage) where there is none, or several and none was chosen. */
export async function promptsOfRows(
  rows: readonly Row[],
  { template, tokenizer, folder }: GenerationFiles,
  name: string,
  maxPrompt?: number,
): Promise<string[]> {
  if (!template)
    throw userError(
      "usage",
      `${name}: has no attune_template.json, which --row and --rows go through; give the prompts themselves`,
    );
  const { openStoredTemplate } = await import("../recipes/storedTemplate.js");
  const stored = await openStoredTemplate(template, { tokenizer, tokenizerFiles: folder.source, maxPrompt });
  try {
    const prompts: string[] = [];
    for (const [index, row] of rows.entries()) prompts.push(await stored.ask(row, index));
    return prompts;
  } finally {
    await stored.close();
  }
}

function promptIn(line: string, field: string, where: string): string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    throw userError("data", `${where}: is no JSON; expected an object with "${field}"`, error);
  }
  const prompt = (json as Record<string, unknown> | null)?.[field];
  if (typeof prompt !== "string") throw userError("data", `${where}: has no text in "${field}"; --field names another one`);
  return prompt;
}

function readFault(file: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    const { code } = error;
    if (code === "ENOENT") throw userError("usage", `--file ${file}: no such file`, error);
    throw userError("storage", `--file ${file}: cannot be read (${code})`, error);
  };
}
