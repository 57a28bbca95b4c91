// JSON Lines: one object a line. Read as a stream of bytes, so that a file may be larger than memory or than one string; every fault
// is reported as file:line:column.

import { printable, type Row } from "@attune/models";
import { type BadRowOptions, badRows } from "./badRows.js";
import { jsonRow } from "./jsonRow.js";
import { type Chunks, decodeLine, MAX_LINE_BYTES, splitLines, type TextOptions } from "./lines.js";

export interface JsonlOptions extends TextOptions, BadRowOptions {}

/**
 * Rows of a JSONL file. A byte order mark, CRLF, blank lines and a last line without newline are accepted; lines end at "\n" only.
 * Throws (data) at a row that is no JSON object or not UTF-8, at a line above the limit, and at the end where there was no row.
 * @param chunks the file's bytes, e.g. a read stream
 * @param name the file's name for messages
 */
export async function* readJsonl(chunks: Chunks, name: string, options: JsonlOptions = {}): AsyncGenerator<Row> {
  const file = printable(name, 300);
  const tally = badRows(file, options);
  for await (const line of splitLines(chunks, file, options.maxLineBytes ?? MAX_LINE_BYTES)) {
    let row: Row;
    try {
      const text = decodeLine(line, file, options);
      if (/^[ \t\r]*$/.test(text)) continue;
      row = jsonRow(text, file, { line: line.number, column: 1 }, options.onBadText);
    } catch (error) {
      tally.bad(error);
      continue;
    }
    tally.kept();
    yield row;
  }
  tally.finish("one JSON object a line");
}
