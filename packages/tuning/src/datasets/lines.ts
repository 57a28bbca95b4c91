// Bytes to lines and lines to text: what every reader of text files stands on. A line is the largest piece that is ever held.

import { dataError } from "@attune/models";

export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** "auto": UTF-8, and line by line ISO-8859-1 where a line is not valid UTF-8. */
export type Encoding = "utf-8" | "latin1" | "auto";

export interface TextOptions {
  /** Default "utf-8". */
  encoding?: Encoding;
  /** Bytes that are not UTF-8 and halves of surrogate pairs: an error, or U+FFFD. Default "refuse". */
  onBadText?: "refuse" | "replace";
  /** Longest line (JSON: element, CSV: record) in bytes; a longer one means that the file is something else. Default 16 MiB. */
  maxLineBytes?: number;
}

export const MAX_LINE_BYTES = 16 * 2 ** 20;

export interface Line {
  /** Without the newline, without a byte order mark. */
  bytes: Uint8Array;
  /** From 1. */
  number: number;
  /** Of the line's first byte in the file. */
  offset: number;
}

/** Lines, ended by "\n" only (not by Unicode's line separators, which JSON text may hold). Throws (data) above `maxBytes`, and for UTF-16. */
export async function* splitLines(chunks: Chunks, file: string, maxBytes: number, isWhat = "JSON Lines"): AsyncGenerator<Line> {
  let parts: Uint8Array[] = []; // the unfinished line
  let held = 0;
  let number = 1;
  let offset = 0;
  const hold = (part: Uint8Array) => {
    held += part.length;
    if (held > maxBytes)
      throw dataError(
        `${file}:${number}: the line that begins at byte ${offset} is longer than ${maxBytes} bytes; is this ${isWhat}? maxLineBytes allows more`,
      );
    parts.push(part);
  };
  const finish = (): Line => {
    const line = withoutMark({ bytes: join(parts, held), number, offset }, file);
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

function withoutMark(line: Line, file: string): Line {
  const { bytes, number, offset } = line;
  if (number > 1) return line;
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    throw dataError(`${file}: is UTF-16; convert it to UTF-8 (iconv -f utf-16 -t utf-8)`);
  // every other byte of plain letters in UTF-16 is NUL, which no text begins with
  if (bytes[0] === 0 || bytes[1] === 0)
    throw dataError(`${file}: begins with NUL bytes; it is UTF-16 (iconv -f utf-16le -t utf-8 makes it text) or no text at all`);
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return hasMark ? { bytes: bytes.subarray(3), number, offset: offset + 3 } : line;
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

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text of a line. Throws (data) with file:line and the byte where it is not UTF-8. */
export function decodeLine(
  { bytes, number, offset }: Line,
  file: string,
  { encoding = "utf-8", onBadText = "refuse" }: TextOptions,
): string {
  if (encoding === "latin1") return latin1(bytes);
  if (encoding === "utf-8" && onBadText === "replace") return lenient.decode(bytes);
  try {
    return strict.decode(bytes);
  } catch (cause) {
    if (encoding === "auto") return latin1(bytes);
    const at = firstInvalid(bytes);
    throw dataError(
      `${file}:${number}: byte ${offset + at} of the file (byte ${at + 1} of the line) is not UTF-8; convert the file, name its encoding, or let such text be replaced (onBadText: replace)`,
      cause,
    );
  }
}

/** ISO-8859-1: a byte is its code point. TextDecoder's "latin1" is Windows-1252, which differs from 0x80 to 0x9f. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
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
