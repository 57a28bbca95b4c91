// A JSON file of rows: an array of objects, {"data": [...]} as SQuAD has it, or objects one after the other. Only the element that is
// being read is held, so the file may be larger than memory; JSON.parse of the whole would also fail at V8's 512 MiB of string.

import { dataError, printable, type Row } from "@attune/models";
import { type BadRowOptions, badRows } from "./badRows.js";
import { describeFault, jsonRow, type Place } from "./jsonRow.js";
import { type Chunks, decodeLine, MAX_LINE_BYTES, type TextOptions } from "./lines.js";

export interface JsonOptions extends TextOptions, BadRowOptions {}

/** Keys of an outer object whose array is the rows. */
const WRAPPERS: readonly string[] = ["data", "rows"];

const [TAB, NEWLINE, RETURN, BLANK] = [9, 10, 13, 32];
const [QUOTE, COMMA, COLON, BACKSLASH] = [34, 44, 58, 92];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [91, 93, 123, 125];

/** Where in the file's outer form the reader is. "rest" is what follows the rows within an outer object. */
type Level = "top" | "array" | "wrapped" | "rest";

/**
 * Rows of a JSON file; a row's place is the line that it begins on. Throws (data) with file:line:column where it is not JSON, where an
 * element is no object or longer than maxLineBytes, where the file ends early, and where there is no row. onBadRow "skip" passes
 * elements that are no objects; broken JSON is always refused, since nothing says where the next row begins.
 */
export async function* readJson(chunks: Chunks, name: string, options: JsonOptions = {}): AsyncGenerator<Row> {
  const file = printable(name, 300);
  const maxBytes = options.maxLineBytes ?? MAX_LINE_BYTES;
  const tally = badRows(file, options);
  let level: Level = "top";
  let expected: "value" | "separator" = "value";
  let line = 1;
  let lineBegin = 0; // offset of the line's first byte
  let offset = 0;

  // the value that is being read
  let parts: Uint8Array[] = [];
  let held = 0;
  let depth = 0;
  let begin: (Place & { offset: number }) | undefined;
  let inString = false;
  let isEscaped = false;
  // at depth 1 of an outer object: its last string, which is a key once a colon follows
  let key: number[] | undefined;
  let lastKey = "";

  const place = (): Place => ({ line, column: offset - lineBegin + 1 });
  const fail = (what: string): never => {
    const { line, column } = place();
    throw dataError(`${file}:${line}:${column}: not JSON: ${what}`);
  };
  const take = (chunk: Uint8Array, from: number, to: number): void => {
    held += to - from;
    if (held > maxBytes) {
      throw dataError(
        `${file}:${begin!.line}: the row that begins at byte ${begin!.offset} is longer than ${maxBytes} bytes; expected an array of rows, {"data": [...]}, or JSON Lines; maxLineBytes allows more`,
      );
    }
    parts.push(chunk.slice(from, to));
  };
  const finish = (): Row | undefined => {
    const bytes = new Uint8Array(held);
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    const start = begin!;
    [parts, held, begin] = [[], 0, undefined];
    const text = decodeLine({ bytes, number: start.line, offset: start.offset }, file, options);
    try {
      JSON.parse(text);
    } catch (cause) {
      throw dataError(describeFault(text, file, start), cause);
    }
    try {
      return jsonRow(text, file, start, options.onBadText);
    } catch (error) {
      tally.bad(error);
      return undefined;
    }
  };

  for await (const chunk of chunks) {
    let from = 0; // of what belongs to the value within this chunk
    for (let i = 0; i < chunk.length; i++, offset++) {
      const byte = chunk[i]!;
      if (begin === undefined && level !== "rest") {
        const isMark = offset < 3 && (byte === 0xef || byte === 0xbb || byte === 0xbf);
        if (byte === NEWLINE) [line, lineBegin] = [line + 1, offset + 1];
        else if (byte === TAB || byte === RETURN || byte === BLANK || isMark) continue;
        else if (level === "top" && byte === OPEN_ARRAY && expected === "value") level = "array";
        else if (level !== "top" && byte === COMMA && expected === "separator") expected = "value";
        else if (level !== "top" && byte === CLOSE_ARRAY) {
          [level, depth] = level === "wrapped" ? ["rest", 1] : ["top", 0];
          expected = "value";
        } else if (level !== "top" && expected === "separator") fail('expected "," or "]" after a row');
        else if (byte === COMMA || byte === COLON || byte === CLOSE_OBJECT || byte === CLOSE_ARRAY)
          fail(`expected a row, found "${String.fromCharCode(byte)}"`);
        else {
          begin = { ...place(), offset };
          [depth, inString, isEscaped, from] = [0, false, false, i];
          i--; // looked at again, as the first byte of the value
          offset--;
        }
        continue;
      }
      // within a value (or the rest of the outer object): only strings and brackets matter
      let isEnd = false;
      if (inString) {
        if (isEscaped) isEscaped = false;
        else if (byte === BACKSLASH) isEscaped = true;
        else if (byte === QUOTE) {
          inString = false;
          if (key) lastKey = String.fromCharCode(...key.splice(0));
          key = undefined;
          isEnd = depth === 0;
        } else if (key && key.length < 16) key.push(byte);
      } else if (byte === QUOTE) {
        inString = true;
        if (level === "top" && depth === 1) key = [];
      } else if (depth === 0 && level !== "rest" && /[\s,\]}]/.test(String.fromCharCode(byte))) {
        // a number or a word has ended before this byte
        take(chunk, from, i);
        const row = finish();
        expected = level === "top" ? "value" : "separator";
        if (row) {
          tally.kept();
          yield row;
        }
        i--;
        offset--;
        continue;
      } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        if (byte === OPEN_ARRAY && level === "top" && depth === 1 && WRAPPERS.includes(lastKey)) {
          [level, expected] = ["wrapped", "value"];
          [parts, held, begin] = [[], 0, undefined];
          lastKey = "";
          continue;
        }
        depth++;
      } else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
        if (depth > 0) depth--;
        if (level === "rest") {
          if (depth === 0) level = "top";
        } else isEnd = depth === 0;
      } else if (depth === 1 && byte === COMMA) lastKey = "";
      if (byte === NEWLINE) [line, lineBegin] = [line + 1, offset + 1];
      if (!isEnd) continue;
      take(chunk, from, i + 1);
      const row = finish();
      expected = level === "top" ? "value" : "separator";
      if (row) {
        tally.kept();
        yield row;
      }
    }
    if (begin !== undefined) take(chunk, Math.min(from, chunk.length), chunk.length);
  }
  if (begin !== undefined) {
    if (depth > 0 || inString) fail(`the file ends within the row that began at line ${begin.line}; it is truncated`);
    const row = finish();
    if (row) {
      tally.kept();
      yield row;
    }
  }
  if (level !== "top") fail(`the file ends before ${level === "rest" ? '"}"' : '"]"'}; it is truncated`);
  tally.finish('an array of objects, or {"data": [...]}');
}
