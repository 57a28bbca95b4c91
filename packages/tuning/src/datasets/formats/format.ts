// What a data set's format is: how its rows are known, what they become, and which templates they go through where a run names none.

import { dataError, listSome, nearest, printable, type Row } from "@attune/models";
import type { FileKind } from "../fileKind.js";
import type { Encoding } from "../lines.js";

/** What a format is told from. */
export interface Sample {
  /** The file's name. */
  name: string;
  kind: FileKind;
  /** The first rows, as the reader gives them. */
  rows: readonly Row[];
}

/**
 * Every normalised row has `instruction` (what is asked, the same for all rows of most sets), `input` (what it is asked about, may be "")
 * and `output`, so that every general template fits every format, beside fields of its own. `references` holds further right answers.
 */
export interface Format {
  name: string;
  /** One line for lists. */
  summary: string;
  /** Whether all rows of the sample have this form. The table's order decides between two that do. */
  matches(sample: Sample): boolean;
  /** One row as read to none, one or several normalised ones. Throws (data) naming row and field. */
  rows(row: Row): Iterable<Row>;
  /** Names of templates (see TEMPLATES of @attune/models). */
  templates: { encoderDecoder: string; decoderOnly: string };
  /** List of phrasings that the template "flan" draws from. */
  task: "summarization" | "sentiment" | "questions" | "translation" | "general";
  /** The field of class labels, if it has one: what splits are stratified by. */
  label?: string;
  /** What stays on one side of a split: rows with the same text in this field, or, with "row", all that were made of one row as read. */
  group?: string;
  encoding?: Encoding;
  /** A row's fields with a blank answer where they have none, so that `rows` takes a row that is only to be asked about. */
  unanswered?(fields: Row["fields"]): Row["fields"];
}

export const has = (row: Row, ...fields: string[]): boolean => fields.every((field) => Object.hasOwn(row.fields, field));
export const hasText = (row: Row, ...fields: string[]): boolean =>
  fields.every((field) => Object.hasOwn(row.fields, field) && typeof row.fields[field] === "string");
export const every = (sample: Sample, test: (row: Row) => boolean): boolean => sample.rows.length > 0 && sample.rows.every(test);

/** A field that must be text. Throws (data) with what there is instead. */
export function text(row: Row, field: string): string {
  const value = Object.hasOwn(row.fields, field) ? row.fields[field] : undefined;
  if (typeof value === "string") return value;
  if (value !== undefined) throw wrongType(row, field, value, "text");
  const present = Object.keys(row.fields);
  const near = nearest(field, present);
  throw dataError(
    `${row.where}: no field "${field}"; the row has ${present.length ? listSome(present.map((one) => printable(one))) : "none"}${near ? ` (did you mean "${printable(near)}"?)` : ""}`,
  );
}

/** The same, "" where it is absent or null. */
export function optional(row: Row, field: string): string {
  const value = Object.hasOwn(row.fields, field) ? row.fields[field] : undefined;
  return value === undefined || value === null ? "" : text(row, field);
}

export function list(row: Row, field: string): readonly unknown[] {
  const value = Object.hasOwn(row.fields, field) ? row.fields[field] : undefined;
  if (Array.isArray(value)) return value;
  throw wrongType(row, field, value, "a list");
}

export function record(value: unknown, row: Row, field: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrongType(row, field, value, "an object");
}

export function wrongType(row: Row, field: string, value: unknown, expected: string): Error {
  const kind = value === undefined ? "missing" : value === null ? "null" : Array.isArray(value) ? "a list" : typeOf(value);
  return dataError(`${row.where}: the field "${printable(field)}" is ${kind}, expected ${expected}`);
}

const typeOf = (value: unknown) => `${typeof value === "object" ? "an" : "a"} ${typeof value}`;

/** A normalised row in the place of one as read; `part` tells several from the same apart. */
export const made = (row: Row, fields: Record<string, unknown>, part?: number | string): Row => ({
  where: part === undefined ? row.where : `${row.where}#${part}`,
  fields,
});
