// Data sets from disk and the folders of runs, for Node. This file and node/ alone touch node:.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dataError, printable, type Row } from "@attune/models";
import { readError } from "@attune/models/node";
import { type JsonlOptions, readJsonl } from "./datasets/jsonl.js";

export {
  checkpointSteps,
  newestCheckpoint,
  pruneCheckpoints,
  type StoredCheckpoint,
  sha256Of,
  writeCheckpoint,
} from "./node/checkpoints.js";
export { lockFolder } from "./node/lock.js";

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
