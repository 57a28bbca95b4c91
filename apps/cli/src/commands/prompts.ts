// Prompts from the command line, a file, or stdin; a line each, as text or as JSON.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { userError } from "../errors.js";

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
