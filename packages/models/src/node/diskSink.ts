// Writing to disk: files that appear whole or not at all, and folders likewise.

import { randomBytes } from "node:crypto";
import { type FileHandle, lstat, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { printable, storageError, type UserError, usageError } from "../errors.js";
import type { FileSink, FileWriter } from "../sink.js";
import { checkRelativePath } from "../source.js";
import { makeFolder } from "./makeFolder.js";

/**
 * Writes into `dir`, making it and its parents as needed. A file has a temporary name until it is complete and on the disk.
 * @param shown the folder's name for messages, where `dir` is a temporary one
 */
export function diskSink(dir: string, shown = dir): FileSink {
  const root = resolve(dir);
  const describe = (path: string) => printable(path ? join(shown, path) : shown, 300);
  return {
    describe,
    async write(path, content) {
      const writer = await createFile(root, path, describe(path));
      try {
        await writer.write(typeof content === "string" ? new TextEncoder().encode(content) : content);
        await writer.close();
      } finally {
        await writer.abort();
      }
    },
    create: (path) => createFile(root, path, describe(path)),
  };
}

async function createFile(root: string, path: string, where: string): Promise<FileWriter> {
  checkRelativePath(path, where);
  const target = join(root, path);
  const folder = dirname(target);
  const temporary = join(folder, temporaryName(basename(target)));
  let handle: FileHandle | null = null;
  const failed = async (error: unknown): Promise<never> => {
    await abort();
    throw writeError(error, where);
  };
  async function abort(): Promise<void> {
    const open = handle;
    handle = null;
    if (!open) return;
    await open.close().catch(() => {});
    await rm(temporary, { force: true }).catch(() => {});
  }
  try {
    await makeFolder(folder);
    handle = await open(temporary, "wx");
  } catch (error) {
    return failed(error);
  }
  return {
    async write(bytes) {
      if (!handle) throw storageError(`${where}: is closed`);
      try {
        for (let at = 0; at < bytes.length; )
          at += (await handle.write(bytes, at, Math.min(bytes.length - at, 1 << 30))).bytesWritten;
      } catch (error) {
        await failed(error);
      }
    },
    async close() {
      if (!handle) return;
      try {
        await handle.sync(); // before the rename, or a power cut leaves an empty file under the final name
        await handle.close();
        handle = null;
        await rename(temporary, target);
        await syncFolder(folder);
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => {});
        await failed(error);
      }
    },
    abort,
  };
}

export interface FolderOptions {
  /** Replace a folder that is there and not empty. Default false: it is refused. */
  force?: boolean;
}

/**
 * Makes a folder that appears whole or not at all: `fill` writes into a temporary one beside it, which then takes its name. What
 * stood there before (only with `force`) goes when the new one is in its place. Throws (usage) where `dir` is a file, or is not empty
 * without `force`; (storage) where it cannot be written; whatever `fill` throws.
 * @param fill is also told where the temporary folder is, to look at what it wrote
 */
export async function writeFolder<T>(
  dir: string,
  fill: (sink: FileSink, temporary: string) => Promise<T>,
  { force = false }: FolderOptions = {},
): Promise<T> {
  const target = resolve(dir);
  const where = printable(dir, 300);
  const parent = dirname(target);
  const held = await contentOf(target, where);
  if (held === "file") throw usageError(`${where}: is a file; name a folder to write to`);
  if (held === "full" && !force)
    throw usageError(`${where}: is not empty; name another folder, or overwrite this one with --force`);

  const temporary = join(parent, temporaryName(basename(target)));
  const old = join(parent, temporaryName(basename(target)));
  try {
    await makeFolder(temporary).catch((error) => {
      throw writeError(error, where);
    });
    const result = await fill(diskSink(temporary, dir), temporary);
    try {
      if (held !== "nothing") await rename(target, old);
      try {
        await rename(temporary, target);
      } catch (error) {
        if (held !== "nothing") await rename(old, target); // as it was before
        throw error;
      }
      await syncFolder(parent);
    } catch (error) {
      throw writeError(error, where);
    }
    await rm(old, { recursive: true, force: true }).catch(() => {});
    return result;
  } finally {
    await rm(temporary, { recursive: true, force: true }).catch(() => {});
  }
}

async function contentOf(target: string, where: string): Promise<"nothing" | "file" | "empty" | "full"> {
  try {
    const facts = await lstat(target);
    if (!facts.isDirectory()) return "file";
    return (await readdir(target)).length > 0 ? "full" : "empty";
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "nothing";
    throw writeError(error, where);
  }
}

/** Hidden, and no other process's. */
function temporaryName(name: string): string {
  return `.${name}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
}

/** A failed write in one line: what is wrong with the place, and what to do. */
export function writeError(error: unknown, where: string): UserError {
  if ((error as Partial<UserError>).exitClass) return error as UserError;
  const { code, message } = error as NodeJS.ErrnoException;
  const advice: Readonly<Record<string, string>> = {
    ENOSPC: "the disk is full; free some space",
    EDQUOT: "the disk quota is used up; free some space",
    EACCES: "the folder is not writable",
    EPERM: "the folder is not writable",
    EROFS: "the file system is read-only",
    ENOTDIR: "a part of the path is a file",
    ENAMETOOLONG: "the name is too long",
  };
  return storageError(`${where}: cannot be written: ${advice[code ?? ""] ?? printable(String(message), 160)}`, error);
}

/** Makes a rename durable. Some systems refuse to open a folder; there the rename alone must do. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  if (!handle) return;
  try {
    await handle.sync();
  } catch {
    // EINVAL or EPERM on file systems that cannot sync a folder
  } finally {
    await handle.close();
  }
}
