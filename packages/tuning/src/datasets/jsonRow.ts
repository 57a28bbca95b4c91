// The text of one JSON value to a row, with faults told as file:line:column: JSON.parse has a position only now and then.

import { dataError, parseStrictJson, printable, type Row } from "@attune/models";

/** Where a value's text begins: line and column from 1. */
export interface Place {
  line: number;
  column: number;
}

/** The row of an object's text. Throws (data). */
export function jsonRow(text: string, file: string, { line, column }: Place, onBadText: "refuse" | "replace" = "refuse"): Row {
  const where = `${file}:${line}`;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw dataError(describeFault(text, file, { line, column }), cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw dataError(
      `${where}:${column}: expected a JSON object, found ${Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`}: ${printable(text.trim())}`,
    );
  }
  // only an escape can hold half of a surrogate pair, since the bytes were UTF-8
  if (/\\u[dD]/.test(text)) value = mendSurrogates(value, where, onBadText);
  return { where, fields: value as Record<string, unknown> };
}

/** What JSON.parse disliked, with its place. */
export function describeFault(text: string, file: string, { line, column }: Place): string {
  try {
    parseStrictJson(text.replace(/\r$/, ""), { depth: 1000, keys: 1_000_000 });
  } catch (error) {
    const message = (error as Error).message;
    const at = Number(/at character (\d+)$/.exec(message)?.[1] ?? 0);
    const fault = message.replace(/ at character \d+$/, "");
    const before = text.slice(0, at).split("\n");
    const place = `${line + before.length - 1}:${before.length === 1 ? column + at : before.at(-1)!.length + 1}`;
    return `${file}:${place}: not JSON: ${printable(fault)}, near "${printable(text.slice(Math.max(0, at - 20), at + 60).replace(/\r$/, ""))}"`;
  }
  return `${file}:${line}:${column}: not JSON: ${printable(text)}`;
}

function mendSurrogates(value: unknown, where: string, onBadText: "refuse" | "replace", depth = 0): unknown {
  if (depth > 1000) throw dataError(`${where}: nested deeper than 1000`);
  if (typeof value === "string") {
    if (!/\p{Cs}/u.test(value)) return value;
    if (onBadText === "refuse")
      throw dataError(
        `${where}: text holds half of a surrogate pair: "${printable(value)}"; mend it, or let such text be replaced (onBadText: replace)`,
      );
    return value.replace(/\p{Cs}/gu, "\ufffd");
  }
  if (Array.isArray(value)) return value.map((item) => mendSurrogates(item, where, onBadText, depth + 1));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mendSurrogates(item, where, onBadText, depth + 1)]));
}
