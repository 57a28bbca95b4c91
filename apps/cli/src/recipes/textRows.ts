// Texts to be scored, row by row from a file: a line each (.txt and whatever else), a field of JSON Lines (.jsonl), a column of CSV
// or TSV. Read as a stream, so that a file may be larger than memory.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { dataError, listSome, nearest, printable, type Row } from "@attune/models";
import { readError } from "@attune/models/node";
import { readJsonlFile } from "@attune/tuning/node";
import { CsvError, parse } from "csv-parse";

/** Fields that hold what is wanted where none is named: the first that a file's first row has. */
export const PREDICTION_FIELDS = ["output", "prediction", "generated_text"];
export const REFERENCE_FIELDS = ["references", "reference", "answers", "answer", "completion", "summary", "label"];

export interface TextRow {
  /** For messages: "out.txt:3". */
  where: string;
  /** One text, or all that a list held. */
  texts: readonly string[];
}

/**
 * @param fields those to read; none: the first of `usual` that is there. Several are several texts of a row.
 * Throws (data) for bytes that are not UTF-8, broken rows, fields that are missing or no text; (storage) for what cannot be read.
 */
export async function* textRows(
  file: string,
  fields: readonly string[] | undefined,
  usual: readonly string[],
): AsyncGenerator<TextRow> {
  const form = FORMS[path.extname(file).toLowerCase()];
  if (!form) {
    if (fields) throw dataError(`${printable(file, 300)}: has lines of text and no fields; fields are for .jsonl, .csv and .tsv`);
    for await (const { text, number } of lines(file)) yield { where: `${file}:${number}`, texts: [text] };
    return;
  }
  let chosen = fields;
  for await (const row of form(file)) {
    chosen ??= usualField(row, usual);
    yield { where: row.where, texts: chosen.flatMap((field) => textsOf(row, field)) };
  }
}

/** Rows with fields, of a .jsonl, .csv or .tsv file. Throws (data) for another one. */
export function fieldRows(file: string): AsyncIterable<Row> {
  const form = FORMS[path.extname(file).toLowerCase()];
  if (!form) throw dataError(`${printable(file, 300)}: rows with fields come as ${Object.keys(FORMS).join(", ")}`);
  return form(file);
}

const FORMS: Readonly<Record<string, (file: string) => AsyncIterable<Row>>> = {
  ".jsonl": (file) => readJsonlFile(file),
  ".ndjson": (file) => readJsonlFile(file),
  ".csv": (file) => csvRows(file, ","),
  ".tsv": (file) => csvRows(file, "\t"),
};

function usualField({ where, fields }: Row, usual: readonly string[]): [string] {
  const found = usual.find((name) => Object.hasOwn(fields, name));
  if (found !== undefined) return [found];
  const there = listSome(Object.keys(fields).map((name) => printable(name)));
  throw dataError(
    `${where}: has none of the fields ${usual.join(", ")}; it has ${there}: name one with --field or --reference-field`,
  );
}

/** The texts of a row's field: one, a list, or a number as it is written. Throws (data). */
export function textsOf({ where, fields }: Row, name: string): readonly string[] {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (typeof value === "string") return [value];
  if (typeof value === "number" || typeof value === "boolean") return [String(value)];
  // SQuAD's form: { text: [...], answer_start: [...] }
  const list = Array.isArray(value) ? value : (value as { text?: unknown } | null | undefined)?.text;
  if (Array.isArray(list) && list.every((item) => typeof item === "string")) return list;
  const near = value === undefined ? nearest(name, Object.keys(fields)) : undefined;
  const what = value === undefined ? "no such field" : `it is ${value === null ? "null" : "neither text nor a list of texts"}`;
  throw dataError(`${where}: field "${printable(name)}": ${what}${near ? `; did you mean "${printable(near)}"?` : ""}`);
}

async function* csvRows(file: string, delimiter: string): AsyncGenerator<Row> {
  const where = printable(file, 300);
  const parser = parse({ columns: true, delimiter, bom: true, info: true, relax_quotes: delimiter === "\t" });
  const text = Readable.from(decoded(file));
  text.on("error", (error) => parser.destroy(error));
  try {
    for await (const { record, info } of text.pipe(parser) as AsyncIterable<{
      record: Record<string, string>;
      info: { lines: number };
    }>)
      yield { where: `${where}:${info.lines}`, fields: record };
  } catch (error) {
    if (error instanceof CsvError) throw dataError(`${where}: ${printable(error.message, 200)}`, error);
    throw error;
  }
}

interface Line {
  text: string;
  number: number;
}

/** Lines end at "\n" or "\r\n" alone; an empty line is an empty text, and what follows the last line end is none. */
async function* lines(file: string): AsyncGenerator<Line> {
  let rest = "";
  let number = 0;
  for await (const chunk of decoded(file)) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop()!;
    for (const part of parts) yield { text: part.endsWith("\r") ? part.slice(0, -1) : part, number: ++number };
  }
  if (rest !== "") yield { text: rest, number: ++number };
}

/** The file as text. A byte order mark is left out. Throws (data) with the line of the first byte that is not UTF-8. */
async function* decoded(file: string): AsyncGenerator<string> {
  const where = printable(file, 300);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 1;
  const decode = (bytes: Uint8Array | undefined): string => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined });
    } catch (cause) {
      let at = line;
      for (const text of bytes ? new TextDecoder().decode(bytes).split("\ufffd", 1) : []) at += text.split("\n").length - 1;
      throw dataError(`${where}:${at}: is not UTF-8; convert the file (iconv -f latin1 -t utf-8, if that is what it is)`, cause);
    }
  };
  try {
    if ((await stat(file)).isDirectory()) throw dataError(`${where}: is a folder; expected a file with a row a line`);
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
      const text = decode(chunk as Uint8Array);
      yield text;
      for (let i = text.indexOf("\n"); i >= 0; i = text.indexOf("\n", i + 1)) line++;
    }
    const end = decode(undefined);
    if (end !== "") yield end;
  } catch (error) {
    throw readError(error, where);
  }
}
