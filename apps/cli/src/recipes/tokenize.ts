// Rows of text to rows of ids, one at a time: memory does not grow with the file.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { dataError, type Encoded, printable, type Tokenizer } from "@attune/models";
import { userError } from "../errors.js";

export interface TokenizeOptions {
  addSpecialTokens: boolean;
  /** The field of a second text; null: none. */
  pair: string | null;
}

export interface TokenizedRow extends Encoded {
  /** The text that the ids stand for, special tokens included. */
  decoded: string;
}

/** A line of JSON. Throws (data) where a row is no object with its texts, naming the line. */
export function tokenizeLine(
  tokenizer: Tokenizer,
  line: string,
  where: string,
  { addSpecialTokens, pair }: TokenizeOptions,
): TokenizedRow {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (cause) {
    throw dataError(`${where}: not JSON: ${printable((cause as Error).message, 120)}`, cause);
  }
  const textOf = (field: string): string => {
    const value =
      typeof row === "object" && row !== null && Object.hasOwn(row, field) ? (row as Record<string, unknown>)[field] : undefined;
    if (typeof value === "string") return value;
    throw dataError(`${where}: expected {"${printable(field)}": "..."}, found ${printable(line, 60)}`);
  };
  const text = textOf("text");
  const encoded = tokenizer.tokenize(text, { addSpecialTokens, ...(pair === null ? {} : { pair: textOf(pair) }) });
  return { ...encoded, decoded: tokenizer.decode(encoded.ids, { skipSpecialTokens: false }) };
}

/** Lines of a file, or of stdin where there is none; blank ones are left out. Throws (usage, storage) where it cannot be read. */
export async function* linesOf(file: string | undefined): AsyncGenerator<{ line: string; where: string }> {
  if (file !== undefined) {
    const facts = await stat(file).catch((error: NodeJS.ErrnoException) => {
      const isMissing = error.code === "ENOENT";
      throw userError(
        isMissing ? "usage" : "storage",
        `--file ${file}: ${isMissing ? "no such file" : `cannot be read (${error.code})`}`,
        error,
      );
    });
    if (facts.isDirectory()) throw userError("usage", `--file ${file}: is a folder; expected JSON Lines`);
  }
  const input = file === undefined ? process.stdin : createReadStream(file, "utf8");
  const name = file ?? "stdin";
  let number = 0;
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  // readline keeps its own errors to itself
  let failure: NodeJS.ErrnoException | undefined;
  input.on("error", (error: NodeJS.ErrnoException) => {
    failure = error;
    lines.close();
  });
  for await (const line of lines) {
    number++;
    if (line.trim() !== "") yield { line, where: `${name}:${number}` };
  }
  if (failure) throw userError("storage", `${name}: cannot be read (${failure.code})`, failure);
}
