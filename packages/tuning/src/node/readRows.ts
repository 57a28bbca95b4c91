// Any data file on disk to rows: what it is, is told by its name and content; packed files (.gz, .zip/...) are unpacked on the way.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { dataError, printable, type Row } from "@attune/models";
import { readError } from "@attune/models/node";
import type { BadRowOptions } from "../datasets/badRows.js";
import { type Dialect, guessDialect } from "../datasets/delimited.js";
import { type FileKind, fileKind, HEAD_BYTES } from "../datasets/fileKind.js";
import { readJson } from "../datasets/json.js";
import { readJsonl } from "../datasets/jsonl.js";
import { decodeLine, MAX_LINE_BYTES, splitLines, type TextOptions } from "../datasets/lines.js";
import { readText } from "../datasets/text.js";
import { readCsv } from "./csv.js";
import { type ParquetOptions, readParquet } from "./parquet.js";
import { insideZip, zipEntry } from "./zip.js";

export interface ReadRowsOptions extends TextOptions, BadRowOptions {
  /** Default: told by name and content. */
  kind?: FileKind;
  /** Of text files: a row for each line (default) or paragraph. */
  unit?: "line" | "paragraph";
  parquet?: ParquetOptions;
}

/** What a file is. Throws (data) where it is missing or a folder; (storage) where it cannot be read. */
export async function lookAt(path: string): Promise<{ kind: FileKind; head: Uint8Array }> {
  const parts: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of chunksOf(path)) {
    parts.push(chunk);
    held += chunk.length;
    if (held >= HEAD_BYTES) break;
  }
  const head = new Uint8Array(Buffer.concat(parts).subarray(0, HEAD_BYTES));
  const kind = fileKind(path, head);
  if (held === 0 && kind === "parquet") throw dataError(`${printable(path, 300)}: has no rows; the file is empty`);
  return { kind, head }; // the readers of text say themselves what an empty file lacks
}

/** The rows of a file, as a stream. Throws (data) with file:line where a row cannot be read. */
export async function* readRows(path: string, options: ReadRowsOptions = {}): AsyncGenerator<Row> {
  const { kind: told, head } = await lookAt(path);
  const kind = options.kind ?? told;
  if (kind === "parquet") {
    if (/\.gz$/i.test(path)) throw dataError(`${printable(path, 300)}: a packed Parquet file must be unpacked first (gunzip)`);
    yield* readParquet(path, options.parquet);
  } else if (kind === "json") yield* readJson(chunksOf(path), path, options);
  else if (kind === "jsonl") yield* readJsonl(chunksOf(path), path, options);
  else if (kind === "text") yield* readText(chunksOf(path), path, options);
  else yield* readCsv(chunksOf(path), path, dialectOf(kind, head), options);
}

/** Every line of a text file with its place, blank ones too. Throws (data) for what is not UTF-8, and as readRows does. */
export async function* readLines(path: string, options: TextOptions = {}): AsyncGenerator<{ where: string; text: string }> {
  const file = printable(path, 300);
  for await (const line of splitLines(chunksOf(path), file, options.maxLineBytes ?? MAX_LINE_BYTES, "a text file"))
    yield { where: `${file}:${line.number}`, text: decodeLine(line, file, options).replace(/\r$/, "") };
}

function dialectOf(kind: "csv" | "tsv", head: Uint8Array): Dialect {
  const text = new TextDecoder().decode(head);
  return guessDialect(kind, head.length < HEAD_BYTES ? text : text.slice(0, text.lastIndexOf("\n") + 1) || text);
}

/** A file's bytes, unpacked where its name ends in .gz or leads through an archive ("a.zip/b.txt"). Throws (data, storage). */
export async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  const where = printable(path, 300);
  const isPacked = /\.gz$/i.test(path);
  const inside = insideZip(path);
  try {
    if (inside && (await stat(inside.archive)).isFile()) {
      yield* zipEntry(inside.archive, inside.entry);
      return;
    }
    if ((await stat(path)).isDirectory()) throw dataError(`${where}: is a folder; expected a .jsonl file, or another of rows`);
    const stream = createReadStream(path, { highWaterMark: 1 << 20 });
    if (!isPacked) yield* stream;
    else {
      const unpacked = createGunzip();
      stream.on("error", (error) => unpacked.destroy(error));
      try {
        yield* stream.pipe(unpacked);
      } finally {
        stream.destroy();
      }
    }
  } catch (error) {
    if (isPacked && /^Z_/.test(String((error as NodeJS.ErrnoException).code)))
      throw dataError(`${where}: cannot be unpacked: ${printable((error as Error).message)}`, error);
    throw readError(error, where);
  }
}
