// Data sets from disk, for Node. The only file of this package that touches node:.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dataError, printable, type Row } from "@attune/models";
import { readError } from "@attune/models/node";
import { type JsonlOptions, readJsonl } from "./datasets/jsonl.js";

/** The rows of a JSONL file on disk. Throws (data) for a missing or malformed file, (storage) for one that cannot be read. */
export async function* readJsonlFile(path: string, options: JsonlOptions = {}): AsyncGenerator<Row> {
  yield* readJsonl(chunksOf(path), path, options);
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  const where = printable(path, 300);
  try {
    if ((await stat(path)).isDirectory()) throw dataError(`${where}: is a folder; expected a .jsonl file`);
    yield* createReadStream(path, { highWaterMark: 1 << 20 });
  } catch (error) {
    throw readError(error, where);
  }
}
