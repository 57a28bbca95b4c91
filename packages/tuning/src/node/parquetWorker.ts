// The thread of parquet.ts: hyparquet hangs or exhausts memory on some damaged files, so it never runs where that would matter.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { type FileMetaData, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";
import { compressors } from "hyparquet-compressors";

export interface ParquetSetup {
  path: string;
  /** Largest row group, unpacked, in bytes. */
  maxGroupBytes: number;
}

export type ParquetMessage =
  | { kind: "opened"; rows: number; columns: string[]; groups: number }
  | { kind: "rows"; rows: Record<string, unknown>[]; isLast: boolean }
  | { kind: "failed"; message: string };

/** Rows in one message. */
const PIECE = 1000;

const { path, maxGroupBytes } = workerData as ParquetSetup;
const descriptor = openSync(path, "r");
const { size } = fstatSync(descriptor);
const file = {
  byteLength: size,
  slice(begin: number, end = size): ArrayBuffer {
    const from = begin < 0 ? size + begin : begin; // as ArrayBuffer.slice
    const to = end < 0 ? size + end : end;
    if (!(from >= 0 && to <= size && from <= to)) throw new Error(`bytes ${from} to ${to} are outside the file of ${size} bytes`);
    const bytes = new Uint8Array(to - from);
    for (let done = 0; done < bytes.length; ) {
      const count = readSync(descriptor, bytes, done, bytes.length - done, from + done);
      if (count === 0) throw new Error(`the file ends at byte ${from + done}`);
      done += count;
    }
    return bytes.buffer;
  },
};

const send = (message: ParquetMessage) => parentPort!.postMessage(message);

async function open(): Promise<FileMetaData> {
  if (size < 12) throw new Error(`${size} bytes are too few`);
  const text = (at: number) => new TextDecoder("latin1").decode(file.slice(at, at + 4));
  if (text(0) !== "PAR1") throw new Error('does not begin with "PAR1"');
  if (text(size - 4) !== "PAR1") throw new Error('does not end with "PAR1"; it is truncated, or encrypted');
  const footer = new DataView(file.slice(size - 8, size - 4)).getUint32(0, true);
  if (footer > size - 12) throw new Error(`its footer claims ${footer} bytes, more than the file has`);
  const metadata = await parquetMetadataAsync(file);
  const groupRows = metadata.row_groups.reduce((sum, group) => sum + Number(group.num_rows), 0);
  if (groupRows !== Number(metadata.num_rows))
    throw new Error(`its row groups have ${groupRows} rows, its footer says ${metadata.num_rows}`);
  for (const [i, group] of metadata.row_groups.entries()) {
    const bytes = group.columns.reduce((sum, { meta_data: meta }) => sum + Number(meta?.total_uncompressed_size ?? 0), 0);
    if (!(bytes >= 0 && bytes <= maxGroupBytes))
      throw new Error(
        `row group ${i + 1} unpacks to ${bytes} bytes, at most ${maxGroupBytes} are read; write smaller row groups`,
      );
  }
  return metadata;
}

/** What can be sent and is no number of an own kind: int64 as number where exact, times as ISO text. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value)) return value;
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value;
}

async function main(): Promise<void> {
  const metadata = await open();
  const columns = parquetSchema(metadata).children.map(({ element }) => element.name);
  send({ kind: "opened", rows: Number(metadata.num_rows), columns, groups: metadata.row_groups.length });
  let begin = 0;
  let group = 0;
  let waiting: Record<string, unknown>[] = [];
  // one piece for each message of the reader, so that a slow one holds no more than a row group
  parentPort!.on("message", async () => {
    try {
      while (waiting.length === 0 && group < metadata.row_groups.length) {
        const count = Number(metadata.row_groups[group]!.num_rows);
        waiting = await parquetReadObjects({ file, metadata, compressors, rowStart: begin, rowEnd: begin + count });
        if (waiting.length !== count)
          throw new Error(`row group ${group + 1} gives ${waiting.length} rows, its footer says ${count}`);
        begin += count;
        group++;
      }
      const rows = waiting.splice(0, PIECE).map((row) => plain(row) as Record<string, unknown>);
      if (rows.some((row) => columns.some((column) => row[column] === undefined)))
        throw new Error("its columns are of different lengths");
      send({ kind: "rows", rows, isLast: waiting.length === 0 && group === metadata.row_groups.length });
    } catch (error) {
      send({ kind: "failed", message: String((error as Error).message) });
    }
  });
}

main().catch((error: unknown) => send({ kind: "failed", message: String((error as Error).message) }));
process.on("exit", () => closeSync(descriptor));
