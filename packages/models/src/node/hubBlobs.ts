// Blobs of the hub's cache: fetched into a partial file that a later attempt goes on with, checked against size and hash, then
// renamed. One process fetches a blob at a time.

import { createHash, type Hash } from "node:crypto";
import { copyFile, type FileHandle, lstat, open, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { networkError, printable, type UserError } from "../errors.js";
import { reasonOf } from "../hub/client.js";
import { writeError } from "./diskSink.js";
import { makeFolder } from "./makeFolder.js";

export interface DownloadProgress {
  file: string;
  /** Bytes that are there, and of the whole file. */
  done: number;
  total: number;
}

export interface BlobRequest {
  /** models--org--name or datasets--org--name in the cache. */
  home: string;
  /** The file's name, for messages. */
  file: string;
  etag: string;
  size: number;
  open(from: number): Promise<{ begin: number; body: ReadableStream<Uint8Array> }>;
  onProgress?: (progress: DownloadProgress) => void;
  sleep?: (milliseconds: number) => Promise<void>;
}

/** Connections that break are taken up again this often without a byte gained. */
const FRUITLESS_ATTEMPTS = 5;
/** A connection that sends nothing for this long is given up. */
const IDLE_MS = 60_000;

/** The blob's path; fetched if it is not there. Throws (network) for broken connections and content that is not what the hub says. */
export async function fetchBlob(request: BlobRequest): Promise<string> {
  const { home, file, etag, size } = request;
  const blob = join(home, "blobs", etag);
  const where = printable(
    `${basename(home)
      .replace(/^(models|datasets)--/, "")
      .replaceAll("--", "/")}: ${file}`,
    200,
  );
  try {
    if (await hasSize(blob, size)) return blob;
    await makeFolder(dirname(blob));
    return await withLock(join(dirname(home), ".locks", basename(home), `${etag}.attune.lock`), request.sleep, async () => {
      if (await hasSize(blob, size)) return blob; // another process was faster
      await download(request, `${blob}.attune.incomplete`, where);
      await rename(`${blob}.attune.incomplete`, blob);
      return blob;
    });
  } catch (error) {
    throw writeError(error, where);
  }
}

async function download(request: BlobRequest, partial: string, where: string): Promise<void> {
  const { file, size, etag, onProgress, sleep = wait } = request;
  const handle = await open(partial, "a+");
  try {
    let done = (await handle.stat()).size;
    if (done > size) {
      await handle.truncate(0);
      done = 0;
    }
    for (let fruitless = 0; done < size; ) {
      const before = done;
      try {
        done = await receive(request, handle, done, (bytes) => onProgress?.({ file, done: bytes, total: size }));
      } catch (error) {
        if ((error as Partial<UserError>).exitClass) throw error;
        if ((error as { syscall?: string }).syscall === "write") throw error; // the disk, not the network
        done = (await handle.stat()).size;
        fruitless = done > before ? 0 : fruitless + 1;
        if (fruitless >= FRUITLESS_ATTEMPTS)
          throw networkError(
            `${where}: the connection breaks again and again (${reasonOf(error)}) at ${done} of ${size} bytes, which are kept; try again`,
            error,
          );
        await sleep(500 * 2 ** fruitless);
      }
    }
    await handle.sync();
    await check(handle, size, etag, where);
  } catch (error) {
    // content that is wrong must not be gone on with; what is merely incomplete is kept
    if ((error as { isWrong?: boolean }).isWrong) await rm(partial, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

/** Appends what the server sends from byte `done` on. Returns the bytes that are there then. */
async function receive(request: BlobRequest, handle: FileHandle, done: number, onBytes: (done: number) => void): Promise<number> {
  const { begin, body } = await request.open(done);
  if (begin === 0 && done > 0) {
    await handle.truncate(0); // a server without ranges sends everything again
    done = 0;
  }
  const reader = body.getReader();
  try {
    for (;;) {
      const { value, done: isEnd } = await inTime(reader.read());
      if (isEnd) break;
      if (done + value.length > request.size)
        throw wrong(`${request.file}: the server sends more than the ${request.size} bytes that the hub says`);
      for (let at = 0; at < value.length; ) at += (await handle.write(value, at)).bytesWritten;
      done += value.length;
      onBytes(done);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
  if (done < request.size) throw new Error("it ended early");
  return done;
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came for ${IDLE_MS / 1000} s`)), IDLE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** The etag is the sha256 of a large file and git's sha1 of a small one; another server's may be neither. */
async function check(handle: FileHandle, size: number, etag: string, where: string): Promise<void> {
  let hash: Hash;
  if (/^[0-9a-f]{64}$/.test(etag)) hash = createHash("sha256");
  else if (/^[0-9a-f]{40}$/.test(etag)) hash = createHash("sha1").update(`blob ${size}\0`);
  else return;
  const piece = new Uint8Array(1 << 20);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    if (bytesRead === 0) break;
    hash.update(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
  const found = hash.digest("hex");
  if (found !== etag)
    throw wrong(
      `${where}: arrived damaged (its hash is ${found.slice(0, 12)}, the hub says ${etag.slice(0, 12)}); fetch it again`,
    );
}

function wrong(message: string): UserError {
  return Object.assign(networkError(message), { isWrong: true });
}

/** Puts a blob into a snapshot under its name: a relative link, or a copy where the file system has no links. */
export async function linkBlob(blob: string, path: string, up: string): Promise<void> {
  await makeFolder(dirname(path));
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    await rm(temporary, { force: true });
    await symlink(`${up}/blobs/${basename(blob)}`, temporary).catch(() => copyFile(blob, temporary));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw writeError(error, printable(path, 200));
  }
}

const HEARTBEAT_MS = 5_000;
/** A lock that was not touched for this long is of a process that is gone. */
const STALE_MS = 30_000;

/** Runs `work` while no other process holds the lock file. */
async function withLock<T>(lock: string, sleep: ((ms: number) => Promise<void>) | undefined, work: () => Promise<T>): Promise<T> {
  await makeFolder(dirname(lock));
  for (;;) {
    try {
      await writeFile(lock, String(process.pid), { flag: "wx" });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      const facts = await lstat(lock).catch(() => undefined);
      if (facts && Date.now() - facts.mtimeMs > STALE_MS) await rm(lock, { force: true });
      else await (sleep ?? wait)(200);
    }
  }
  const heartbeat = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => {}), HEARTBEAT_MS);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    await rm(lock, { force: true }).catch(() => {});
  }
}

async function hasSize(path: string, size: number): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isFile() && facts.size === size,
    () => false,
  );
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
