// The zip container of torch.save: entries stored without compression, found through the directory at the end of the file (PKWARE's
// APPNOTE.TXT, with its 64-bit form). Read by range; what the directory says is checked before anything is allocated.

import { dataError, printable } from "../errors.js";
import type { FileSource } from "../source.js";

export interface ZipEntry {
  name: string;
  /** Byte of the file where the entry's own header begins; its data follow that header. */
  header: number;
  /** Bytes of data. */
  size: number;
  /** Byte of the file where the next entry, or the directory, begins. */
  limit: number;
}

export interface Zip {
  entries: ReadonlyMap<string, ZipEntry>;
  /** Where the entry's data begin: its header is read on the first call. Throws (data). */
  begin(entry: ZipEntry): Promise<number>;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const DIRECTORY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const END64_BYTES = 56;
const LOCATOR_BYTES = 20;
const DIRECTORY_BYTES = 46;
const LOCAL_BYTES = 30;
/** The longest comment that may follow the end record. */
const COMMENT_BYTES = 65_535;
/** A directory entry of torch takes ~60 bytes, so this is far beyond any model. */
const MAX_DIRECTORY_BYTES = 64 << 20;

/** Opens a zip file and checks its directory. Throws (data) for a damaged, compressed or encrypted one. */
export async function openZip(source: FileSource, path: string, maxEntries: number): Promise<Zip> {
  const where = source.describe(path);
  const size = await source.size(path);
  const { begin, bytes, count } = await findDirectory(source, path, size);
  if (count > maxEntries) throw dataError(`${where}: its directory has ${count} entries, at most ${maxEntries} are read`);
  if (begin + bytes > size || bytes > MAX_DIRECTORY_BYTES)
    throw dataError(`${where}: its directory lies at bytes ${begin}..${begin + bytes}, the file has ${size}; it is damaged`);
  const entries = readDirectory(await source.read(path, { begin, end: begin + bytes }), count, begin, where);
  const begins = new Map<string, number>();
  return {
    entries,
    async begin(entry) {
      const known = begins.get(entry.name);
      if (known !== undefined) return known;
      const found = await dataBegin(source, path, entry);
      begins.set(entry.name, found);
      return found;
    },
  };
}

/** Where the directory lies, from the record at the end of the file. */
async function findDirectory(source: FileSource, path: string, size: number) {
  const where = source.describe(path);
  const from = Math.max(0, size - END_BYTES - COMMENT_BYTES - LOCATOR_BYTES);
  const tail = viewOf(await source.read(path, { begin: from, end: size }));
  let at = tail.byteLength - END_BYTES;
  // the record ends the file but for its comment, whose length it says
  while (at >= 0 && !(tail.getUint32(at, true) === END && at + END_BYTES + tail.getUint16(at + 20, true) === tail.byteLength))
    at--;
  if (at < 0) throw dataError(`${where}: has no zip directory at its end; it is truncated, fetch it again`);

  const hasLocator = at >= LOCATOR_BYTES && tail.getUint32(at - LOCATOR_BYTES, true) === LOCATOR64;
  if (!hasLocator)
    return { count: tail.getUint16(at + 10, true), bytes: tail.getUint32(at + 12, true), begin: tail.getUint32(at + 16, true) };
  const end64 = wide(tail, at - LOCATOR_BYTES + 8, where);
  if (end64 + END64_BYTES > size) throw dataError(`${where}: its zip directory lies beyond its end; it is damaged`);
  const record = viewOf(await source.read(path, { begin: end64, end: end64 + END64_BYTES }));
  if (record.getUint32(0, true) !== END64) throw dataError(`${where}: its zip directory is damaged (no 64-bit end record)`);
  return { count: wide(record, 32, where), bytes: wide(record, 40, where), begin: wide(record, 48, where) };
}

function readDirectory(bytes: Uint8Array, count: number, directory: number, where: string): Map<string, ZipEntry> {
  const damaged = (what: string) => dataError(`${where}: its zip directory is damaged: ${what}`);
  const view = viewOf(bytes);
  const found: ZipEntry[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + DIRECTORY_BYTES > bytes.length || view.getUint32(at, true) !== DIRECTORY) throw damaged(`entry ${i} is not there`);
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const extra = at + DIRECTORY_BYTES + nameBytes;
    if (extra + extraBytes + commentBytes > bytes.length) throw damaged(`entry ${i} is cut off`);
    const name = new TextDecoder().decode(bytes.subarray(at + DIRECTORY_BYTES, extra));
    const said = `entry "${printable(name)}"`;
    if (view.getUint16(at + 8, true) & 1) throw dataError(`${where}: ${said} is encrypted`);
    const method = view.getUint16(at + 10, true);
    if (method !== 0)
      throw dataError(
        `${where}: ${said} is compressed (method ${method}); torch.save stores plainly, so save the model with it again`,
      );
    const [packed, size, header] = wideFields(view, at, extra, extraBytes, where);
    if (packed !== size) throw damaged(`${said} has ${packed} bytes stored of ${size}`);
    found.push({ name, size, header, limit: directory });
    at = extra + extraBytes + commentBytes;
  }
  // no two entries may share bytes: a small file would claim endless memory
  found.sort((a, b) => a.header - b.header);
  const entries = new Map<string, ZipEntry>();
  for (const [i, entry] of found.entries()) {
    entry.limit = found[i + 1]?.header ?? directory;
    if (entry.header + LOCAL_BYTES + entry.size > entry.limit)
      throw damaged(`entry "${printable(entry.name)}" reaches beyond byte ${entry.limit}, where the next begins`);
    if (entries.has(entry.name)) throw damaged(`the name "${printable(entry.name)}" occurs twice`);
    entries.set(entry.name, entry);
  }
  return entries;
}

/** Stored bytes, data bytes and header offset of a directory entry; those above 32 bits are in its extra field of kind 1. */
function wideFields(view: DataView, at: number, extra: number, extraBytes: number, where: string): [number, number, number] {
  const fields = [20, 24, 42].map((field) => view.getUint32(at + field, true)) as [number, number, number];
  const order = [1, 0, 2]; // in the extra field the data bytes come first
  for (let field = extra; field + 4 <= extra + extraBytes; field += 4 + view.getUint16(field + 2, true)) {
    if (view.getUint16(field, true) !== 1) continue;
    const end = Math.min(extra + extraBytes, field + 4 + view.getUint16(field + 2, true));
    let next = field + 4;
    for (const index of order) {
      if (fields[index] !== 0xffffffff || next + 8 > end) continue;
      fields[index] = wide(view, next, where);
      next += 8;
    }
  }
  return fields;
}

async function dataBegin(source: FileSource, path: string, { name, header, size, limit }: ZipEntry): Promise<number> {
  const where = source.describe(path);
  const local = viewOf(await source.read(path, { begin: header, end: header + LOCAL_BYTES }));
  const begin = header + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
  if (local.getUint32(0, true) !== LOCAL || begin + size > limit)
    throw dataError(
      `${where}: entry "${printable(name)}" is damaged (no header at byte ${header}, or its data overlap the next)`,
    );
  return begin;
}

/** A 64-bit field as a number. Throws (data) beyond 2^53. */
function wide(view: DataView, at: number, where: string): number {
  const value = view.getBigUint64(at, true);
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw dataError(`${where}: its zip directory is damaged: a size of ${value} bytes`);
  return Number(value);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
