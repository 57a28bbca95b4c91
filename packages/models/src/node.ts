// Files on disk, for Node: reading a model folder. The entry @attune/models/node: what else it offers is in node/.

import { lstat, open, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve, sep } from "node:path";
import { dataError, printable, storageError, type UserError } from "./errors.js";
import { checkRange, checkRelativePath, type FileSource } from "./source.js";

export { type ChatRenderer, type ChatTemplateOptions, openChatTemplate, readChatTemplate } from "./node/chatTemplate.js";
export { diskSink, writeError, writeFolder } from "./node/diskSink.js";
export { type EncodeAllOptions, encodeAll } from "./node/encodePool.js";
export { type HubModel, hubModel } from "./node/hub.js";
export type { DownloadProgress } from "./node/hubBlobs.js";
export { type HubOptions, type HubRepository, openHubRepository } from "./node/hubRepository.js";
export { makeFolder } from "./node/makeFolder.js";
export { startThread } from "./node/thread.js";
export type { FileSink, FileWriter } from "./sink.js";

export interface DiskOptions {
  /** Follow symbolic links that leave the folder (the hub cache's own links need no such leave). Default false. */
  allowSymlinks?: boolean;
}

/**
 * The files of a folder. A path must be a regular file, or a link that stays in the folder or points into the blobs of the
 * hub cache that the folder is a snapshot of; a pipe, device or folder is refused (data), as is a file that changes between two
 * reads of this source.
 */
export function diskFiles(dir: string, options: DiskOptions = {}): FileSource {
  const root = resolve(dir);
  const seen = new Map<string, string>(); // path -> inode, size, time of change: a file must stay the same during a load
  const describe = (path: string) => printable(path ? join(dir, path) : dir, 300);

  async function locate(path: string): Promise<{ file: string; size: number }> {
    checkRelativePath(path, describe(""));
    const where = describe(path);
    try {
      const link = await lstat(join(root, path));
      // the whole path is resolved, since a folder on the way may be the link that leaves
      const file = await realpath(join(root, path));
      if (!options.allowSymlinks) await checkInside(root, file, where);
      const facts = link.isSymbolicLink() ? await lstat(file) : link;
      if (!facts.isFile()) {
        throw dataError(`${where}: is a ${facts.isDirectory() ? "folder" : "special file"}; expected a regular file`);
      }
      const stamp = `${facts.dev}:${facts.ino}:${facts.size}:${facts.mtimeMs}`;
      if (seen.has(path) && seen.get(path) !== stamp) throw dataError(`${where}: changed while it was being read; start again`);
      seen.set(path, stamp);
      return { file, size: facts.size };
    } catch (error) {
      throw readError(error, where);
    }
  }

  return {
    describe,
    async size(path) {
      return (await locate(path)).size;
    },
    async has(path) {
      checkRelativePath(path, describe(""));
      try {
        await lstat(join(root, path));
        return true;
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        if (code === "ENOENT" || code === "ENOTDIR") return false;
        throw readError(error, describe(path));
      }
    },
    async read(path, range) {
      const { file, size } = await locate(path);
      const { begin, end } = range ?? { begin: 0, end: size };
      checkRange({ begin, end }, size, describe(path));
      const bytes = new Uint8Array(end - begin);
      try {
        const handle = await open(file, "r");
        try {
          let done = 0;
          while (done < bytes.length) {
            // one call reads at most 2 GiB, so long ranges take turns
            const { bytesRead } = await handle.read(bytes, done, Math.min(bytes.length - done, 1 << 30), begin + done);
            if (bytesRead === 0)
              throw dataError(`${describe(path)}: ended at byte ${begin + done}, expected ${end}; it is truncated`);
            done += bytesRead;
          }
        } finally {
          await handle.close();
        }
      } catch (error) {
        throw readError(error, describe(path));
      }
      return bytes;
    },
  };
}

async function checkInside(root: string, file: string, where: string): Promise<void> {
  const home = await realpath(root);
  if (file.startsWith(home + sep)) return;
  // hub cache: models--owner--name/snapshots/<commit>/file -> ../../blobs/<hash>
  const snapshots = dirname(home);
  if (basename(snapshots) === "snapshots" && file.startsWith(join(dirname(snapshots), "blobs") + sep)) return;
  throw dataError(
    `${where}: is a link to ${printable(file, 200)}, outside the model's folder; copy the file, or allow symbolic links`,
  );
}

/** A failed read in one line: what is missing or unreadable, and what to do. */
export function readError(error: unknown, where: string): UserError {
  if ((error as Partial<UserError>).exitClass) return error as UserError;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return dataError(`${where}: no such file; check the path`, error);
  if (code === "EACCES" || code === "EPERM") return storageError(`${where}: may not be read; check its permissions`, error);
  if (code === "EISDIR") return dataError(`${where}: is a folder; expected a file`, error);
  return storageError(`${where}: cannot be read: ${printable(String(message), 160)}`, error);
}
