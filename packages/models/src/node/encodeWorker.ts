// The thread of encodePool.ts: a tokenizer of its own, and chunks of texts until the pool ends it.
import { parentPort, workerData } from "node:worker_threads";
import { createTokenizer, type EncodeOptions, type TokenizerFiles } from "../tokenizers/tokenizer.js";

export interface WorkerSetup {
  files: TokenizerFiles;
  options: Omit<EncodeOptions, "pair">;
}

/** Texts of consecutive rows. */
export interface Chunk {
  id: number;
  texts: string[];
}

/** The ids of a chunk, row behind row; or what was wrong with one of its rows. */
export type ChunkEncoded =
  | { id: number; ids: Int32Array; ends: Int32Array }
  | { id: number; failed: { row: number; message: string; exitClass?: string } };

const { files, options } = workerData as WorkerSetup;
const tokenizer = createTokenizer(files.json, files.settings, files.where);

parentPort!.on("message", ({ id, texts }: Chunk) => {
  const flat: number[] = [];
  const ends = new Int32Array(texts.length);
  for (const [row, text] of texts.entries()) {
    try {
      for (const one of tokenizer.encode(text, options)) flat.push(one);
    } catch (error) {
      const { message, exitClass } = error as Error & { exitClass?: string };
      parentPort!.postMessage({ id, failed: { row, message, exitClass } } satisfies ChunkEncoded);
      return;
    }
    ends[row] = flat.length;
  }
  const ids = Int32Array.from(flat);
  parentPort!.postMessage({ id, ids, ends } satisfies ChunkEncoded, [ids.buffer, ends.buffer]);
});
