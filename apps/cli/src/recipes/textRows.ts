// Texts to be scored, row by row from a file: a line each (.txt and whatever else), a field of JSON Lines (.jsonl), a column of CSV
// or TSV. Read as a stream, so that a file may be larger than memory.
import path from "node:path";
import { dataError, listSome, nearest, printable, type Row } from "@attune/models";
import { readLines, readRows } from "@attune/tuning/node";

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
  const kind = KINDS[path.extname(file).toLowerCase()];
  if (!kind) {
    if (fields) throw dataError(`${printable(file, 300)}: has lines of text and no fields; fields are for .jsonl, .csv and .tsv`);
    for await (const { where, text } of readLines(file)) yield { where, texts: [text] };
    return;
  }
  let chosen = fields;
  for await (const row of readRows(file, { kind })) {
    chosen ??= usualField(row, usual);
    yield { where: row.where, texts: chosen.flatMap((field) => textsOf(row, field)) };
  }
}

/** Rows with fields, of a .jsonl, .csv or .tsv file. Throws (data) for another one. */
export function fieldRows(file: string): AsyncIterable<Row> {
  const kind = KINDS[path.extname(file).toLowerCase()];
  if (!kind) throw dataError(`${printable(file, 300)}: rows with fields come as ${Object.keys(KINDS).join(", ")}`);
  return readRows(file, { kind });
}

const KINDS: Readonly<Record<string, "jsonl" | "csv" | "tsv">> = {
  ".jsonl": "jsonl",
  ".ndjson": "jsonl",
  ".csv": "csv",
  ".tsv": "tsv",
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
