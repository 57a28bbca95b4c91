// Comma- and tab-separated values through csv-parse: quotes, line breaks within fields, and strict about everything else.

import { Readable } from "node:stream";
import { dataError, listSome, printable, type Row } from "@attune/models";
import { CsvError, parse } from "csv-parse";
import { type BadRowOptions, badRows } from "../datasets/badRows.js";
import type { Dialect } from "../datasets/delimited.js";
import { type Chunks, decodeLine, MAX_LINE_BYTES, splitLines, type TextOptions } from "../datasets/lines.js";

export interface CsvOptions extends TextOptions, BadRowOptions {}

/** Characters handed to the parser at a time. */
const PIECE = 1 << 16;

/**
 * Rows with the header's names, or column1, column2, ... without one. Throws (data) with file:line for an open quote, text after a closing
 * quote, a record with more or fewer fields than the header, and empty or repeated names; readJsonl's other faults too.
 */
export async function* readCsv(chunks: Chunks, name: string, dialect: Dialect, options: CsvOptions = {}): AsyncGenerator<Row> {
  const file = printable(name, 300);
  const tally = badRows(file, options);
  const maxBytes = options.maxLineBytes ?? MAX_LINE_BYTES;
  let parsed = 0;
  const parser = parse({
    delimiter: dialect.delimiter,
    quote: dialect.hasQuotes ? '"' : null,
    relax_column_count: true, // counted here, for a message with names
    skip_empty_lines: true,
    max_record_size: maxBytes,
    info: true,
    on_record: ((record: unknown, { lines }: { lines: number }) => {
      parsed = lines; // ahead of what the loop below has seen, which an error makes away with
      return record;
    }) as never, // its types leave out that `info` changes what a record is
    record_delimiter: ["\r\n", "\n"],
  });
  const source = Readable.from(texts(chunks, file, options, maxBytes), { objectMode: true });
  source.on("error", (error) => parser.destroy(error));
  let header: string[] | undefined;
  let line = 1;
  try {
    for await (const { record, info } of source.pipe(parser) as AsyncIterable<{ record: string[]; info: { lines: number } }>) {
      const where = `${file}:${line}`;
      line = info.lines + 1; // info counts the lines up to the record's end
      if (header === undefined) {
        header = dialect.hasHeader ? checkHeader(record, where) : record.map((_, i) => `column${i + 1}`);
        if (dialect.hasHeader) continue;
      }
      if (record.length !== header.length) {
        const names = listSome(header.map((one) => printable(one)));
        tally.bad(dataError(`${where}: has ${record.length} fields, expected ${header.length}: ${names}`));
        continue;
      }
      tally.kept();
      yield { where, fields: Object.fromEntries(header.map((field, i) => [field, record[i]])) };
    }
  } catch (error) {
    throw error instanceof CsvError ? describe(error, file, parsed + 1) : error;
  } finally {
    source.destroy();
    parser.destroy();
  }
  tally.finish("records below a header");
}

async function* texts(chunks: Chunks, file: string, options: TextOptions, maxBytes: number): AsyncGenerator<string> {
  let piece = "";
  for await (const line of splitLines(chunks, file, maxBytes, "a table")) {
    piece += `${decodeLine(line, file, options)}\n`;
    if (piece.length < PIECE) continue;
    yield piece;
    piece = "";
  }
  if (piece !== "") yield piece;
}

function checkHeader(names: string[], where: string): string[] {
  const seen = new Set<string>();
  for (const [i, name] of names.entries()) {
    if (name.trim() === "")
      throw dataError(`${where}: column ${i + 1} has no name; found ${listSome(names.map((n) => `"${printable(n)}"`))}`);
    if (seen.has(name)) throw dataError(`${where}: two columns are called "${printable(name)}"; rename one`);
    seen.add(name);
  }
  return names;
}

/** What csv-parse disliked, in one line. `begin` is where the record begins. */
function describe(error: CsvError, file: string, begin: number): Error {
  const lines = (error as { lines?: number }).lines ?? begin;
  switch (error.code) {
    case "CSV_QUOTE_NOT_CLOSED":
      return dataError(`${file}:${begin}: a quote is opened and never closed; double the quotes within a quoted field`, error);
    case "CSV_INVALID_CLOSING_QUOTE":
      return dataError(`${file}:${lines}: text follows a closing quote; double the quotes within a quoted field`, error);
    case "INVALID_OPENING_QUOTE":
      return dataError(`${file}:${lines}: a quote stands within a field that does not begin with one; quote the field`, error);
    case "CSV_MAX_RECORD_SIZE":
      return dataError(`${file}:${begin}: the record is too long; is a quote not closed?`, error);
    default:
      return dataError(`${file}:${lines}: ${printable(error.message, 160)}`, error);
  }
}
