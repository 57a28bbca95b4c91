// Parquet files, read by hyparquet in a thread with limits on time and memory: a damaged file may hang it, exhaust memory, or throw
// anything, and none of that reaches the run.

import type { Worker } from "node:worker_threads";
import { dataError, printable, type Row } from "@attune/models";
import { startThread } from "@attune/models/node";
import type { ParquetMessage, ParquetSetup } from "./parquetWorker.js";

export interface ParquetOptions {
  /** Longest time for one answer of the reader. Default 60 s. */
  timeoutMs?: number;
  /** Heap of the reader's thread. Default 1 GiB. */
  maxHeapMb?: number;
  /** Largest row group, unpacked. Default 1 GiB. */
  maxGroupBytes?: number;
}

/**
 * Rows of a Parquet file, named file:row from 1. int64 becomes a number where that is exact, else text. Throws (data) for anything that
 * is wrong with the file, in one line that names it.
 */
export async function* readParquet(path: string, options: ParquetOptions = {}): AsyncGenerator<Row> {
  const { timeoutMs = 60_000, maxHeapMb = 1024, maxGroupBytes = 1 << 30 } = options;
  const file = printable(path, 300);
  const fail = (what: string, cause?: unknown) => dataError(`${file}: cannot be read as Parquet: ${printable(what, 200)}`, cause);
  const worker = startThread(new URL("./parquetWorker.js", import.meta.url), {
    workerData: { path, maxGroupBytes } satisfies ParquetSetup,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
  });
  try {
    const opened = await answer(worker, timeoutMs, fail);
    if (opened.kind !== "opened") throw fail("the reader answered out of turn");
    if (opened.rows === 0) throw dataError(`${file}: has no rows`);
    let number = 0;
    for (let isLast = false; !isLast; ) {
      const next = answer(worker, timeoutMs, fail);
      worker.postMessage("next");
      const message = await next;
      if (message.kind !== "rows") throw fail("the reader answered out of turn");
      for (const fields of message.rows) yield { where: `${file}:${++number}`, fields };
      isLast = message.isLast;
    }
    if (number !== opened.rows) throw fail(`${number} rows were read, its footer says ${opened.rows}`);
  } finally {
    await worker.terminate();
  }
}

/** The thread's next message; its failure, its death or its silence as errors. */
function answer(worker: Worker, timeoutMs: number, fail: (what: string, cause?: unknown) => Error): Promise<ParquetMessage> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(() => reject(fail(`no answer in ${timeoutMs / 1000} s; is it damaged?`))), timeoutMs);
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      worker.off("message", onMessage).off("error", onError).off("exit", onExit);
      settle();
    };
    const onMessage = (message: ParquetMessage): void =>
      end(() => (message.kind === "failed" ? reject(fail(message.message)) : resolve(message)));
    const onError = (error: Error): void => end(() => reject(fail(reasonOf(error), error)));
    const onExit = (code: number): void => end(() => reject(fail(`its reader ended with code ${code}`)));
    worker.on("message", onMessage).on("error", onError).on("exit", onExit);
  });
}

function reasonOf(error: Error & { code?: string }): string {
  return error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "it takes more memory than its reader may have" : error.message;
}
