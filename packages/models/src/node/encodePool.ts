// Many texts to ids, in threads: rows come out in their order, as many are under way as keep the threads busy, and no more are taken from
// the source than that. Few texts, or one thread, are encoded here without any.
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { dataError, type UserError } from "../errors.js";
import { createTokenizer, type EncodeOptions, type TokenizerFiles } from "../tokenizers/tokenizer.js";
import type { Chunk, ChunkEncoded, WorkerSetup } from "./encodeWorker.js";

export interface EncodeAllOptions extends Omit<EncodeOptions, "pair"> {
  /** Threads. Default: a processor each, at most 8; 0 or 1: no threads. */
  threads?: number;
  /** Texts that a thread gets at a time. */
  chunk?: number;
  /** What the texts are called in errors, counted from 1. */
  rowName?: (row: number) => string;
}

const CHUNK = 256;
/** A thread that loads a tokenizer of 32,000 tokens takes as long as encoding some thousand dialogues. */
const WORTH_A_THREAD = 2000;
/** Chunks that a thread has waiting: one to work on, one that comes next. */
const AHEAD = 2;

/**
 * The ids of each text, in their order: those of Tokenizer.encode. Texts are read as ids are taken, at most threads * 2 chunks ahead;
 * leaving the loop early ends the threads. Throws what encode throws, with the row; (data) where a thread dies.
 * @param files as readTokenizerFiles gives them
 */
export async function* encodeAll(
  files: TokenizerFiles,
  texts: Iterable<string> | AsyncIterable<string>,
  {
    threads = Math.min(8, availableParallelism()),
    chunk = CHUNK,
    rowName = (row) => `row ${row}`,
    ...options
  }: EncodeAllOptions = {},
): AsyncGenerator<Int32Array> {
  const source = chunksOf(texts, chunk);
  try {
    // the first chunks decide: a set that ends within them needs no thread
    const first: string[][] = [];
    let count = 0;
    let isWhole = false;
    while (threads > 1 && count < WORTH_A_THREAD && !isWhole) {
      const { value, done } = await source.next();
      if (done) isWhole = true;
      else {
        first.push(value);
        count += value.length;
      }
    }
    const all = prepended(first, source);
    if (threads <= 1 || isWhole) yield* encodeHere(files, all, options, rowName);
    else yield* encodeInThreads(files, all, options, rowName, threads);
  } finally {
    await source.return(undefined);
  }
}

async function* encodeHere(
  files: TokenizerFiles,
  chunks: AsyncIterable<string[]>,
  options: EncodeOptions,
  rowName: (row: number) => string,
): AsyncGenerator<Int32Array> {
  const tokenizer = createTokenizer(files.json, files.settings, files.where);
  let row = 0;
  for await (const texts of chunks) {
    for (const text of texts) {
      row++;
      try {
        yield Int32Array.from(tokenizer.encode(text, options));
      } catch (error) {
        throw inRow(rowName(row), error as UserError);
      }
    }
  }
}

interface Thread {
  worker: Worker;
  waiting: number;
}

async function* encodeInThreads(
  files: TokenizerFiles,
  chunks: AsyncGenerator<string[]>,
  options: EncodeOptions,
  rowName: (row: number) => string,
  count: number,
): AsyncGenerator<Int32Array> {
  const pending = new Map<number, { resolve(encoded: ChunkEncoded): void; reject(error: Error): void }>();
  const failAll = (error: Error): void => {
    for (const { reject } of pending.values()) reject(error);
    pending.clear();
  };
  const threads = Array.from({ length: count }, (): Thread => {
    const thread: Thread = { worker: startWorker({ files, options }), waiting: 0 };
    thread.worker.on("message", (encoded: ChunkEncoded) => {
      thread.waiting--;
      pending.get(encoded.id)?.resolve(encoded);
      pending.delete(encoded.id);
    });
    thread.worker.on("error", (cause: Error) => failAll("exitClass" in cause ? cause : threadError(cause)));
    thread.worker.on("exit", (code) => failAll(threadError(new Error(`it ended with code ${code}`))));
    return thread;
  });
  const queue: { texts: number; encoded: Promise<ChunkEncoded> }[] = [];
  let nextId = 0;
  let isEnded = false;
  const send = async (): Promise<void> => {
    const { value, done } = await chunks.next();
    if (done) {
      isEnded = true;
      return;
    }
    const thread = threads.reduce((least, other) => (other.waiting < least.waiting ? other : least));
    const id = nextId++;
    const encoded = new Promise<ChunkEncoded>((resolve, reject) => pending.set(id, { resolve, reject }));
    encoded.catch(() => {}); // thrown where it is awaited, in its turn
    thread.waiting++;
    thread.worker.postMessage({ id, texts: value } satisfies Chunk);
    queue.push({ texts: value.length, encoded });
  };
  try {
    let row = 0;
    for (;;) {
      while (!isEnded && queue.length < count * AHEAD) await send();
      const head = queue.shift();
      if (!head) return;
      const encoded = await head.encoded;
      if ("failed" in encoded) throw inRow(rowName(row + encoded.failed.row + 1), encoded.failed);
      const { ids, ends } = encoded;
      for (let i = 0, begin = 0; i < ends.length; begin = ends[i]!, i++) yield ids.slice(begin, ends[i]);
      row += head.texts;
    }
  } finally {
    for (const { worker } of threads) worker.removeAllListeners("exit");
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }
}

/** Built files run as they are; source (the project's own tests and commands) needs a loader, which threads do not inherit. */
function startWorker(setup: WorkerSetup): Worker {
  if (import.meta.url.endsWith(".js")) return new Worker(new URL("./encodeWorker.js", import.meta.url), { workerData: setup });
  // its form for `require` does not register itself from a thread, so the other one is named
  const tsx = createRequire(import.meta.url).resolve("tsx/package.json");
  const loader = new URL("dist/esm/api/index.mjs", pathToFileURL(tsx)).href;
  const file = new URL("./encodeWorker.ts", import.meta.url).href;
  const start = `import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(file)}); })`;
  return new Worker(start, { eval: true, workerData: setup, execArgv: [] });
}

function threadError(cause: Error): Error {
  return dataError(`tokenizing: a thread died: ${cause.message}`, cause);
}

function inRow(name: string, { message, exitClass }: { message: string; exitClass?: string }): Error {
  return Object.assign(new Error(`${name}: ${message}`), exitClass ? { exitClass } : {});
}

async function* chunksOf(texts: Iterable<string> | AsyncIterable<string>, size: number): AsyncGenerator<string[]> {
  let chunk: string[] = [];
  for await (const text of texts) {
    chunk.push(text);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

async function* prepended<T>(first: readonly T[], rest: AsyncGenerator<T>): AsyncGenerator<T> {
  yield* first;
  for (;;) {
    const { value, done } = await rest.next(); // without yield*, which would end `rest` with this one
    if (done) return;
    yield value;
  }
}
