// JSON Lines: one object a line. Read as a stream of bytes, so that a file may be larger than memory or than one string; every fault
// is reported as file:line:column.

import { dataError, parseStrictJson, printable, type Row } from "@attune/models";

export interface JsonlOptions {
  /** Longest line in bytes; a longer one means that the file is not JSONL. Default 16 MiB. */
  maxLineBytes?: number;
  /** What a row that cannot be read does. "skip" still fails where more than 1 % of the rows are bad. Default "refuse". */
  onBadRow?: "refuse" | "skip";
  /** Bytes that are not UTF-8 and halves of surrogate pairs: an error, or U+FFFD. Default "refuse". */
  onBadText?: "refuse" | "replace";
  /** Told about every row that is skipped. */
  onSkip?: (error: Error) => void;
}

const MAX_BAD_SHARE = 0.01;

/**
 * Rows of a JSONL file. A byte order mark, CRLF, blank lines and a last line without newline are accepted; lines end at "\n" only (not at
 * Unicode's line separators, which JSON text may hold).
 * Throws (data) at a row that is no JSON object or not UTF-8, at a line above the limit, and at the end where there was no row.
 * @param chunks the file's bytes, e.g. a read stream
 * @param name the file's name for messages
 */
export async function* readJsonl(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  name: string,
  options: JsonlOptions = {},
): AsyncGenerator<Row> {
  const { onBadRow = "refuse", onSkip = () => {} } = options;
  const file = printable(name, 300);
  let kept = 0;
  let bad = 0;
  let firstBad: Error | undefined;
  for await (const line of splitLines(chunks, file, options.maxLineBytes ?? 16 * 2 ** 20)) {
    let row: Row | undefined;
    try {
      row = parseLine(line, file, options.onBadText ?? "refuse");
    } catch (error) {
      if (onBadRow === "refuse") throw error;
      bad++;
      firstBad ??= error as Error;
      onSkip(error as Error);
    }
    if (!row) continue;
    kept++;
    yield row;
  }
  if (bad > MAX_BAD_SHARE * (kept + bad)) {
    throw dataError(`${file}: ${bad} of ${kept + bad} rows are bad, more than 1 %; the first: ${firstBad!.message}`, firstBad);
  }
  if (kept === 0) throw dataError(`${file}: has no rows; expected one JSON object a line`);
}

interface Line {
  bytes: Uint8Array;
  /** From 1. */
  number: number;
  /** Of the line's first byte in the file. */
  offset: number;
}

async function* splitLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  file: string,
  maxBytes: number,
): AsyncGenerator<Line> {
  let parts: Uint8Array[] = []; // the unfinished line
  let held = 0;
  let number = 1;
  let offset = 0;
  const hold = (part: Uint8Array) => {
    held += part.length;
    if (held > maxBytes)
      throw dataError(
        `${file}:${number}: the line that begins at byte ${offset} is longer than ${maxBytes} bytes; is this JSON Lines?`,
      );
    parts.push(part);
  };
  const finish = (): Line => {
    const line = { bytes: join(parts, held), number, offset };
    parts = [];
    offset += held + 1;
    held = 0;
    number++;
    return line;
  };
  for await (const chunk of chunks) {
    let begin = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, begin)) {
      hold(chunk.subarray(begin, end));
      yield finish();
      begin = end + 1;
    }
    if (begin < chunk.length) hold(chunk.slice(begin)); // copied: a stream may reuse its buffer
  }
  if (held > 0) yield finish();
}

function join(parts: readonly Uint8Array[], length: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** The row of a line, or undefined for a blank one. Throws (data). */
function parseLine({ bytes, number, offset }: Line, file: string, onBadText: "refuse" | "replace"): Row | undefined {
  const hasMark = number === 1 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const content = hasMark ? bytes.subarray(3) : bytes;
  const where = `${file}:${number}`;
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: onBadText === "refuse", ignoreBOM: true }).decode(content);
  } catch (cause) {
    const at = firstInvalid(content);
    throw dataError(
      `${where}: byte ${offset + (hasMark ? 3 : 0) + at} of the file (byte ${at + 1} of the line) is not UTF-8; convert the file, or let such text be replaced`,
      cause,
    );
  }
  if (/^[ \t\r]*$/.test(text)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw dataError(describeFault(text, where), cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw dataError(
      `${where}:1: expected a JSON object, found ${Array.isArray(value) ? "an array" : value === null ? "null" : `a ${typeof value}`}: ${printable(text.trim())}`,
    );
  }
  // only an escape can hold half of a surrogate pair, since the bytes were UTF-8
  if (/\\u[dD]/.test(text)) value = mendSurrogates(value, where, onBadText);
  return { where, fields: value as Record<string, unknown> };
}

/** What JSON.parse disliked, with a column: its own messages have one only now and then. */
function describeFault(text: string, where: string): string {
  try {
    parseStrictJson(text.replace(/\r$/, ""), { depth: 1000, keys: 1_000_000 });
  } catch (error) {
    const message = (error as Error).message;
    const at = Number(/at character (\d+)$/.exec(message)?.[1] ?? 0);
    const fault = message.replace(/ at character \d+$/, "");
    return `${where}:${at + 1}: not JSON: ${printable(fault)}, near "${printable(text.slice(Math.max(0, at - 20), at + 60).replace(/\r$/, ""))}"`;
  }
  return `${where}:1: not JSON: ${printable(text)}`;
}

function mendSurrogates(value: unknown, where: string, onBadText: "refuse" | "replace", depth = 0): unknown {
  if (depth > 1000) throw dataError(`${where}: nested deeper than 1000`);
  if (typeof value === "string") {
    if (!/\p{Cs}/u.test(value)) return value;
    if (onBadText === "refuse")
      throw dataError(
        `${where}: text holds half of a surrogate pair: "${printable(value)}"; mend it, or let such text be replaced`,
      );
    return value.replace(/\p{Cs}/gu, "\ufffd");
  }
  if (Array.isArray(value)) return value.map((item) => mendSurrogates(item, where, onBadText, depth + 1));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mendSurrogates(item, where, onBadText, depth + 1)]));
}

/** Index of the first byte of the first sequence that is not valid UTF-8: the longest prefix that decodes, by halving. */
function firstInvalid(bytes: Uint8Array): number {
  const decodes = (length: number, stream: boolean) => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length), { stream });
      return true;
    } catch {
      return false;
    }
  };
  let valid = 0;
  let invalid = bytes.length + 1;
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    if (decodes(middle, true))
      valid = middle; // as a stream: an unfinished character at the end is no fault yet
    else invalid = middle;
  }
  while (valid > 0 && !decodes(valid, false)) valid--; // back to where the broken sequence begins
  return valid;
}
