// A file that grows by lines, on a disk that may be full for a while: lines that it refuses are kept and written with those that follow, so
// that numbers on the way never end a run.
import { open } from "node:fs/promises";

export interface LineFile {
  append(line: string): Promise<void>;
  /** Tries once more; how many lines are not on the disk. */
  finish(): Promise<number>;
}

export interface LineFileOptions {
  /** Told once, at the first refusal after lines that were written. */
  onFault(error: Error): void;
  /** Told when all lines are on the disk again. */
  onRecovered(): void;
  /** For tests: how text gets to the end of a file. */
  write?: (file: string, text: string) => Promise<void>;
}

export function openLineFile(file: string, { onFault, onRecovered, write = appendWhole }: LineFileOptions): LineFile {
  let waiting: string[] = [];
  let isRefused = false;
  const flush = async (): Promise<void> => {
    if (waiting.length === 0) return;
    try {
      await write(file, waiting.map((line) => `${line}\n`).join(""));
      waiting = [];
      if (isRefused) onRecovered();
      isRefused = false;
    } catch (error) {
      if (!isRefused) onFault(error as Error);
      isRefused = true;
    }
  };
  return {
    async append(line) {
      waiting.push(line);
      await flush();
    },
    async finish() {
      await flush();
      return waiting.length;
    },
  };
}

/** All of the text or nothing: what a full disk took of it would stand in the middle of a line later. */
async function appendWhole(file: string, text: string): Promise<void> {
  const handle = await open(file, "a");
  try {
    const { size } = await handle.stat();
    try {
      await handle.writeFile(text);
    } catch (error) {
      await handle.truncate(size).catch(() => {});
      throw error;
    }
  } finally {
    await handle.close();
  }
}
