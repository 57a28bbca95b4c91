// Data sets from disk and the folders of runs, for Node. This file and node/ alone touch node:.

import type { Row } from "@attune/models";
import { type JsonlOptions, readJsonl } from "./datasets/jsonl.js";
import { chunksOf } from "./node/readRows.js";

export {
  checkpointAt,
  checkpointSteps,
  newestCheckpoint,
  pruneCheckpoints,
  type StoredCheckpoint,
  sha256Of,
  writeCheckpoint,
} from "./node/checkpoints.js";
export { type Dataset, type DatasetOptions, openDataset } from "./node/dataset.js";
export { type HubData, hubData } from "./node/hubData.js";
export { isLocked, lockFolder } from "./node/lock.js";
export { type ParquetOptions, readParquet } from "./node/parquet.js";
export { lookAt, type ReadRowsOptions, readLines, readRows } from "./node/readRows.js";

/** The rows of a JSONL file on disk. Throws (data) for a missing or malformed file, (storage) for one that cannot be read. */
export async function* readJsonlFile(path: string, options: JsonlOptions = {}): AsyncGenerator<Row> {
  yield* readJsonl(chunksOf(path), path, options);
}
