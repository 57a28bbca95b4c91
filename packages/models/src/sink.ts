// Where files go: memory, or (in node/) a folder on disk. Paths are relative, with "/".

import { storageError } from "./errors.js";
import { checkRelativePath } from "./source.js";

/** Write access to the files of one folder; each file appears whole or not at all. */
export interface FileSink {
  /** Writes `path` at once. Throws (storage), (data) for a path that leaves the folder. */
  write(path: string, content: Uint8Array | string): Promise<void>;
  /** Begins a file that comes in parts. */
  create(path: string): Promise<FileWriter>;
  describe(path: string): string;
}

/** A file being written. Until `close` nothing is there under its name. */
export interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** The file is complete: it appears. */
  close(): Promise<void>;
  /** Removes what was written. Safe to call after a failure, and after close, where it does nothing. */
  abort(): Promise<void>;
}

/** A folder in memory: path -> bytes. */
export function memorySink(): FileSink & { files: Record<string, Uint8Array> } {
  const files: Record<string, Uint8Array> = Object.create(null);
  const describe = (path: string) => `memory:${path}`;
  return {
    files,
    describe,
    async write(path, content) {
      checkRelativePath(path, describe(""));
      files[path] = typeof content === "string" ? new TextEncoder().encode(content) : content.slice();
    },
    async create(path) {
      checkRelativePath(path, describe(""));
      let parts: Uint8Array[] | null = [];
      return {
        async write(bytes) {
          if (!parts) throw storageError(`${describe(path)}: is closed`);
          parts.push(bytes.slice());
        },
        async close() {
          if (!parts) return;
          const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
          let at = 0;
          for (const part of parts) {
            whole.set(part, at);
            at += part.length;
          }
          files[path] = whole;
          parts = null;
        },
        async abort() {
          parts = null;
        },
      };
    },
  };
}
