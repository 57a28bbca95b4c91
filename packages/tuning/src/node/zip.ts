// One file out of a zip archive, as a stream: the archive's directory is read, the file's bytes are unpacked by node:zlib as they come, and
// size and checksum compared at the end. Archives above 4 GiB (zip64), split and encrypted ones are refused.

import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { dataError, listSome, printable } from "@attune/models";

interface Entry {
  name: string;
  method: number;
  isEncrypted: boolean;
  crc: number;
  packed: number;
  size: number;
  /** Of its local header. */
  offset: number;
}

/** "a.zip/b/c.txt" as archive and file; undefined where the path leads through no archive. */
export function insideZip(path: string): { archive: string; entry: string } | undefined {
  const [, archive, entry] = /^(.*?\.zip)\/(.+)$/is.exec(path) ?? [];
  return archive === undefined || entry === undefined ? undefined : { archive, entry };
}

const [END, DIRECTORY, LOCAL] = [0x06054b50, 0x02014b50, 0x04034b50];
const MAX_DIRECTORY = 64 << 20;

/** The bytes of a file in an archive. Throws (data) where archive or file are damaged, not there or of a kind that is not read. */
export async function* zipEntry(archive: string, name: string): AsyncGenerator<Uint8Array> {
  const where = printable(archive, 300);
  const fail = (what: string, cause?: unknown) => dataError(`${where}: ${what}`, cause);
  const handle = await open(archive, "r");
  let entry: Entry;
  let begin: number;
  try {
    const entries = await directoryOf(handle, fail);
    const found = entries.find((one) => one.name === name);
    if (!found) throw fail(`has no file ${printable(name, 200)}; it has ${listSome(entries.map((one) => printable(one.name)))}`);
    entry = found;
    if (entry.isEncrypted) throw fail(`${printable(name)} is encrypted; unpack it first`);
    if (entry.method !== 0 && entry.method !== 8)
      throw fail(`${printable(name)} is packed by method ${entry.method}; unpack it first (unzip)`);
    const local = await bytesAt(handle, entry.offset, 30, fail);
    if (local.readUInt32LE(0) !== LOCAL) throw fail(`${printable(name)} is not where the directory says; it is damaged`);
    begin = entry.offset + 30 + local.readUInt16LE(26) + local.readUInt16LE(28);
  } finally {
    await handle.close();
  }
  if (entry.size === 0) return;
  const packed = createReadStream(archive, { start: begin, end: begin + entry.packed - 1 });
  let [size, crc] = [0, 0];
  const inflate = createInflateRaw();
  packed.on("error", (error) => inflate.destroy(error));
  const unpacked = entry.method === 0 ? packed : packed.pipe(inflate);
  try {
    for await (const chunk of unpacked as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > entry.size) throw fail(`${printable(name)} is longer than the ${entry.size} bytes that the directory says`);
      crc = crc32(chunk, crc);
      yield chunk;
    }
  } catch (error) {
    if (/^Z_/.test(String((error as NodeJS.ErrnoException).code)))
      throw fail(`${printable(name)} cannot be unpacked: ${printable((error as Error).message)}`, error);
    throw error;
  } finally {
    packed.destroy();
  }
  if (size !== entry.size || crc !== entry.crc) throw fail(`${printable(name)} is damaged: its size or checksum is another`);
}

type Fail = (what: string, cause?: unknown) => Error;

/** The central directory, which the record at the archive's end points to. */
async function directoryOf(handle: FileHandle, fail: Fail): Promise<Entry[]> {
  const { size } = await handle.stat();
  const tail = await bytesAt(handle, Math.max(0, size - 65_557), Math.min(size, 65_557), fail); // a comment of 65,535 may follow
  let at = tail.length - 22;
  while (at >= 0 && tail.readUInt32LE(at) !== END) at--;
  if (at < 0) throw fail("is no zip archive, or its end is missing");
  const [count, length, offset] = [tail.readUInt16LE(at + 10), tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
  if (count === 0xffff || offset === 0xffffffff) throw fail("is a zip64 archive, which is not read; unpack it first (unzip)");
  if (length > MAX_DIRECTORY || offset + length > size) throw fail("has a directory that does not fit the file; it is damaged");
  const bytes = await bytesAt(handle, offset, length, fail);
  const entries: Entry[] = [];
  for (let i = 0, from = 0; i < count; i++) {
    if (from + 46 > length || bytes.readUInt32LE(from) !== DIRECTORY)
      throw fail("has a directory that ends early; it is damaged");
    const nameLength = bytes.readUInt16LE(from + 28);
    entries.push({
      name: bytes.toString("utf8", from + 46, from + 46 + nameLength),
      isEncrypted: (bytes.readUInt16LE(from + 8) & 1) === 1,
      method: bytes.readUInt16LE(from + 10),
      crc: bytes.readUInt32LE(from + 16),
      packed: bytes.readUInt32LE(from + 20),
      size: bytes.readUInt32LE(from + 24),
      offset: bytes.readUInt32LE(from + 42),
    });
    from += 46 + nameLength + bytes.readUInt16LE(from + 30) + bytes.readUInt16LE(from + 32);
  }
  return entries;
}

async function bytesAt(handle: FileHandle, position: number, length: number, fail: Fail): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, position);
  if (bytesRead < length) throw fail("ends early; it is damaged");
  return bytes;
}
