// Prompt templates: "{field}" stands for a row's field, "{{" and "}}" for braces.

import { dataError, listSome, nearest, printable, usageError } from "../errors.js";
import type { Example, Row } from "./example.js";

export interface Template {
  /** The text it was made from. */
  readonly text: string;
  /** Names it needs, each once, in the order of their first use. */
  readonly fields: readonly string[];
  /** Throws (data) naming the row, where a field is missing or not text. */
  render(row: Row): string;
}

/**
 * Reads a template. Throws (usage) with the position of a brace that does not belong.
 * @param where how messages name the template, e.g. "data.prompt"
 */
export function parseTemplate(text: string, where = "template"): Template {
  const parts: { literal: string; field?: string }[] = [];
  let literal = "";
  let at = 0;
  const fail = (what: string): never => {
    throw usageError(`${where}: ${what} at character ${at + 1} of "${printable(text)}"; write {{ and }} for braces`);
  };
  while (at < text.length) {
    const character = text[at]!;
    if ((character === "{" || character === "}") && text[at + 1] === character) {
      literal += character;
      at += 2;
    } else if (character === "{") {
      const end = text.indexOf("}", at);
      if (end < 0) fail('"{" is not closed');
      const field = text.slice(at + 1, end).trim();
      if (field === "" || field.includes("{")) fail('no field name after "{"');
      parts.push({ literal, field });
      literal = "";
      at = end + 1;
    } else if (character === "}") fail('"}" closes nothing');
    else {
      literal += character;
      at++;
    }
  }
  parts.push({ literal });
  const fields = [...new Set(parts.flatMap(({ field }) => field ?? []))];
  return {
    text,
    fields,
    render: (row) =>
      parts.map((part) => part.literal + (part.field === undefined ? "" : textField(row, part.field, where))).join(""),
  };
}

function textField(row: Row, name: string, where: string): string {
  const value = Object.hasOwn(row.fields, name) ? row.fields[name] : undefined;
  if (typeof value === "string") return value;
  if (Object.hasOwn(row.fields, name)) {
    const kind =
      value === null ? "null" : Array.isArray(value) ? "a list" : `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
    throw dataError(`${row.where}: the field "${printable(name)}" is ${kind}, ${where} needs text`);
  }
  const present = Object.keys(row.fields);
  const near = nearest(name, present);
  const has = present.length ? `the row has ${listSome(present.map((field) => printable(field)))}` : "the row has none";
  throw dataError(
    `${row.where}: no field "${printable(name)}", which ${where} needs; ${has}${near ? ` (did you mean "${printable(near)}"?)` : ""}`,
  );
}

/** A prompt's and a completion's template; the completion's is left out where a model only has to answer. */
export interface ExampleTemplates {
  prompt: Template;
  completion?: Template;
}

/** The example of a row. Its id is the row's own `id` or `fname`, else its place. Throws (data). */
export function exampleOf(row: Row, { prompt, completion }: ExampleTemplates): Example {
  const texts = Object.entries(row.fields).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  const { references } = row.fields;
  const own = [row.fields.id, row.fields.fname].find((id) => typeof id === "string" || typeof id === "number");
  return {
    id: own === undefined ? row.where : String(own),
    prompt: prompt.render(row),
    completion: completion?.render(row) ?? "",
    fields: Object.fromEntries(texts),
    ...(isTexts(references) ? { references } : {}),
    ...(row.task === undefined ? {} : { task: row.task }),
  };
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "string");
