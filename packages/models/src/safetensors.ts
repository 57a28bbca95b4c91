// The safetensors format: 8 bytes with the header's length, a JSON header {name: {dtype, shape, data_offsets}}, the data.
// Read by range, so that one tensor at a time is in memory; everything the header says is checked before anything is
// allocated (the format's reference reader does the same: github.com/huggingface/safetensors).

import { dataError, nearest, printable } from "./errors.js";
import { bf16ToF32, f16ToF32 } from "./halves.js";
import { decodeUtf8, type FileSource } from "./source.js";
import { parseStrictJson, type StrictJson } from "./strictJson.js";

/** Bytes an element takes, of every type that can be read. */
export const BYTES = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;
export type SafetensorsDtype = keyof typeof BYTES;

/** What the header says about a tensor; begin and end are bytes of the file. An unknown dtype is refused only on `read`. */
export interface TensorEntry {
  dtype: string;
  shape: readonly number[];
  begin: number;
  end: number;
}

/** A tensor's raw little-endian bytes, row-major; of a part of a tensor, that part's. */
export interface RawTensor {
  dtype: SafetensorsDtype;
  /** Of the whole tensor. */
  shape: readonly number[];
  bytes: Uint8Array;
}

/** Half-open range of a tensor's elements in row-major order, 0 <= begin <= end <= their number. */
export interface ElementRange {
  begin: number;
  end: number;
}

/** One file, or the shards of one model seen as one. */
export interface Checkpoint {
  /** In the order of the data. */
  names: string[];
  tensors: Map<string, TensorEntry>;
  metadata: Map<string, string>;
  /** What is odd but no reason to refuse, for the user to see once. */
  warnings: string[];
  /** The tensor, or a range of its elements. Throws (data) for an unknown name or dtype, or when the file ends early. */
  read(name: string, elements?: ElementRange): Promise<RawTensor>;
  /** How to name the checkpoint in a message. */
  description: string;
}

export interface OpenOptions {
  /** Most tensors in a file; more are refused as an attack. */
  maxTensors?: number;
}

export const MAX_HEADER_BYTES = 100_000_000;

/** Opens one .safetensors file and checks its header. Throws (data) with the file and the reason. */
export async function openSafetensors(
  source: FileSource,
  path: string,
  { maxTensors = 100_000 }: OpenOptions = {},
): Promise<Checkpoint> {
  const where = source.describe(path);
  const size = await source.size(path);
  const start = await source.read(path, { begin: 0, end: Math.min(size, 64) });
  refuseOtherFormats(start, where);
  if (size < 8) throw dataError(`${where}: truncated: ${size} bytes, a safetensors file has at least 8; fetch it again`);
  // BigInt: a Number would round a hostile length above 2^53
  const length = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw dataError(
      `${where}: the header says it has ${length} bytes, at most ${MAX_HEADER_BYTES} are allowed; not a safetensors file, or damaged`,
    );
  }
  if (length > BigInt(size - 8)) {
    throw dataError(`${where}: truncated: the header has ${length} bytes but only ${size - 8} follow; fetch the file again`);
  }
  const dataBegin = 8 + Number(length);
  const header = decodeUtf8(await source.read(path, { begin: 8, end: dataBegin }), `${where}: header`);
  if (header[0] !== "{") throw dataError(`${where}: the header does not begin with "{"; not a safetensors file, or damaged`);
  const { tensors, metadata } = readHeader(header, { where, dataBegin, size, maxTensors });
  return {
    names: [...tensors.keys()],
    tensors,
    metadata,
    warnings: [],
    description: where,
    async read(name, elements) {
      const { dtype, begin, end, shape } = entryOf(tensors, name, where);
      if (!isReadable(dtype)) {
        throw dataError(
          `${where}: tensor "${printable(name)}" has type ${printable(dtype)}; this reads ${Object.keys(BYTES).join(", ")}`,
        );
      }
      const range = elements
        ? { begin: begin + elements.begin * BYTES[dtype], end: begin + elements.end * BYTES[dtype] }
        : { begin, end };
      return { dtype, shape, bytes: await source.read(path, range) };
    },
  };
}

/** The entry of `name`, or an error (data) with the nearest name. */
export function entryOf(tensors: Map<string, TensorEntry>, name: string, where: string): TensorEntry {
  const entry = tensors.get(name);
  if (entry) return entry;
  const near = nearest(name, tensors.keys());
  throw dataError(`${where}: no tensor "${printable(name)}"${near ? `; the nearest is "${printable(near)}"` : ""}`);
}

function isReadable(dtype: string): dtype is SafetensorsDtype {
  return Object.hasOwn(BYTES, dtype);
}

/** Names what a file really is when people meet it under the name .safetensors. */
function refuseOtherFormats(start: Uint8Array, where: string): void {
  const text = new TextDecoder("latin1").decode(start);
  refuseUnreadable(text, where);
  if (text.startsWith("PK\x03\x04") || text.startsWith("\x80\x02")) {
    throw dataError(
      `${where}: is a PyTorch ${text[0] === "P" ? "zip" : "pickle"} file under the name .safetensors; save it with safetensors`,
    );
  }
}

/** Refuses (data) what stands where a file of weights should be when a download went wrong, by the file's first bytes as latin1. */
export function refuseUnreadable(start: string, where: string): void {
  if (start.startsWith("version https://git-lfs")) {
    throw dataError(`${where}: is a Git LFS pointer, not the file itself; run "git lfs pull", or download the file from the hub`);
  }
  if (/^\s*<(!doctype|html)/i.test(start))
    throw dataError(`${where}: is a web page, not a file of weights; the download went wrong`);
}

interface HeaderContext {
  where: string;
  dataBegin: number;
  size: number;
  maxTensors: number;
}

function readHeader(header: string, context: HeaderContext) {
  const { where, dataBegin, size, maxTensors } = context;
  let parsed: StrictJson;
  try {
    // a header nests three deep: the file, a tensor, its shape
    parsed = parseStrictJson(header, { depth: 3, keys: maxTensors + 1 });
  } catch (cause) {
    throw dataError(`${where}: the header is not valid: ${printable((cause as Error).message, 160)}`, cause);
  }
  const entries: [string, TensorEntry][] = [];
  const metadata = new Map<string, string>();
  for (const [name, value] of parsed as Map<string, StrictJson>) {
    if (name === "__metadata__") {
      if (!(value instanceof Map)) throw dataError(`${where}: __metadata__ must map text to text`);
      for (const [key, item] of value) {
        if (typeof item !== "string") throw dataError(`${where}: __metadata__ "${printable(key)}" must be text`);
        metadata.set(key, item);
      }
    } else entries.push([name, readEntry(name, value, context)]);
  }
  if (entries.length > maxTensors) throw dataError(`${where}: more than ${maxTensors} tensors`);
  // The tensors must cover the data exactly: gaps hide other formats, overlaps let a small file claim endless memory.
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let end = dataBegin;
  for (const [name, entry] of entries) {
    if (entry.begin !== end) {
      const what = entry.begin < end ? "overlaps the tensor before it" : "leaves a gap before it";
      throw dataError(`${where}: tensor "${printable(name)}" ${what} (begins at byte ${entry.begin}, expected ${end})`);
    }
    end = entry.end;
  }
  if (end !== size) {
    const what = end > size ? "truncated: " : "bytes after the last tensor: ";
    throw dataError(`${where}: ${what}the header describes ${end} bytes, the file has ${size}; fetch it again`);
  }
  return { tensors: new Map(entries), metadata };
}

function readEntry(name: string, value: StrictJson, { where, dataBegin, size }: HeaderContext): TensorEntry {
  const fail = (what: string): never => {
    throw dataError(`${where}: tensor "${printable(name)}": ${what}`);
  };
  if (!(value instanceof Map)) return fail("expected {dtype, shape, data_offsets}");
  const dtype = value.get("dtype");
  const shape = value.get("shape");
  const offsets = value.get("data_offsets");
  if (typeof dtype !== "string") return fail("dtype is not text");
  if (!isIntegers(shape)) return fail("shape is not a list of whole numbers below 2^53");
  if (!isIntegers(offsets) || offsets.length !== 2) return fail("data_offsets is not a pair of whole numbers below 2^53");
  const [begin, end] = offsets as [number, number];
  if (begin > end) return fail(`data_offsets begin (${begin}) after they end (${end})`);
  if (end > size - dataBegin)
    return fail(`truncated: its data ends at byte ${end}, the file's data has ${size - dataBegin}; fetch it again`);
  if (Object.hasOwn(BYTES, dtype)) {
    // BigInt: a product of sizes can pass 2^53 and, rounded, fit by accident
    const bytes = shape.reduce((product, n) => product * BigInt(n), BigInt(BYTES[dtype as SafetensorsDtype]));
    if (bytes !== BigInt(end - begin))
      return fail(`shape [${shape.join(", ")}] of ${dtype} needs ${bytes} bytes, data_offsets give ${end - begin}`);
  }
  return { dtype, shape, begin: dataBegin + begin, end: dataBegin + end };
}

function isIntegers(value: StrictJson | undefined): value is number[] {
  return Array.isArray(value) && value.every((n) => typeof n === "number");
}

/**
 * A raw tensor as f32: bf16 and f16 exactly, f64 and integers rounded to nearest. Throws (data) for 64-bit integers and
 * booleans, which no weight has.
 */
export function toFloat32(name: string, { dtype, bytes }: RawTensor): Float32Array {
  const { buffer, byteOffset } = bytes.byteOffset % 8 ? new Uint8Array(bytes) : bytes; // typed arrays want aligned offsets
  const length = bytes.byteLength / BYTES[dtype];
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, length);
    case "BF16":
      return bf16ToF32(new Uint16Array(buffer, byteOffset, length));
    case "F16":
      return f16ToF32(new Uint16Array(buffer, byteOffset, length));
    case "F64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, length));
    case "I32":
      return Float32Array.from(new Int32Array(buffer, byteOffset, length));
    default:
      throw dataError(`tensor "${printable(name)}" has type ${dtype}; expected F32, BF16, F16, F64 or I32`);
  }
}

/** Elements that pass through host memory at a time, in whatever is read in pieces: 16 MiB of f32. Even, since halves go in pairs. */
export const PIECE_ELEMENTS = 1 << 22;

/** The pieces of `count` elements, in order. */
export function* pieces(count: number): Generator<ElementRange> {
  for (let begin = 0; begin < count; begin += PIECE_ELEMENTS) yield { begin, end: Math.min(count, begin + PIECE_ELEMENTS) };
}

/** Number of elements of a shape; 1 for []. */
export function elementsOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Whether two tensors have the same type, shape and bits. Reads them in pieces. */
export async function haveSameValues(checkpoint: Checkpoint, a: string, b: string): Promise<boolean> {
  const { tensors, description } = checkpoint;
  const [x, y] = [entryOf(tensors, a, description), entryOf(tensors, b, description)];
  if (x.dtype !== y.dtype || x.shape.length !== y.shape.length || x.shape.some((n, i) => n !== y.shape[i])) return false;
  for (const piece of pieces(elementsOf(x.shape))) {
    const [one, other] = [await checkpoint.read(a, piece), await checkpoint.read(b, piece)];
    if (!isSame(one.bytes, other.bytes)) return false;
  }
  return true;
}

/** A loop and not `every`, which calls a function a byte: an embedding has 400 MB. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** What a file's header says of a tensor before its place is known. */
export interface TensorHead {
  name: string;
  dtype: "F32" | "BF16" | "F16" | "I32";
  shape: readonly number[];
}

/** A tensor to write: little-endian bytes, row-major. */
export interface TensorToWrite extends TensorHead {
  bytes: Uint8Array;
}

/** A file's beginning, and the tensors in the order in which their data follow. */
export interface SafetensorsLayout<T extends TensorHead> {
  /** The header's length and the header, padded so that the data begin aligned. */
  header: Uint8Array;
  order: T[];
  /** Of the data. */
  bytes: number;
}

/**
 * How a .safetensors file is laid out. Wider types come first, names in order within a type, as the reference writer does: so every
 * tensor stays aligned to its type. The metadata {"format": "pt"} is what transformers and PEFT insist on. The result depends on
 * nothing but the content. Throws a RangeError where a name occurs twice.
 */
export function layoutSafetensors<T extends TensorHead>(
  entries: readonly T[],
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): SafetensorsLayout<T> {
  const order = [...entries].sort(
    (a, b) => BYTES[b.dtype] - BYTES[a.dtype] || compareText(a.dtype, b.dtype) || compareText(a.name, b.name),
  );
  const fields: string[] = [
    `"__metadata__":${JSON.stringify(Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => compareText(a, b))))}`,
  ];
  const names = new Set<string>();
  let offset = 0;
  for (const { name, dtype, shape } of order) {
    const end = offset + elementsOf(shape) * BYTES[dtype];
    if (names.has(name) || name === "__metadata__")
      throw new RangeError(`writeSafetensors: the name ${name} occurs twice or is reserved`);
    names.add(name);
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [offset, end] })}`);
    offset = end;
  }
  const text = new TextEncoder().encode(`{${fields.join(",")}}`);
  const headerBytes = Math.ceil(text.length / 8) * 8; // padded by blanks
  const header = new Uint8Array(8 + headerBytes).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerBytes), true);
  header.set(text, 8);
  return { header, order, bytes: offset };
}

/** A whole .safetensors file in memory. Throws a RangeError where bytes and shape disagree or a name occurs twice. */
export function writeSafetensors(entries: readonly TensorToWrite[], metadata?: Readonly<Record<string, string>>): Uint8Array {
  for (const { name, dtype, shape, bytes } of entries) {
    const expected = elementsOf(shape) * BYTES[dtype];
    if (expected !== bytes.byteLength)
      throw new RangeError(
        `writeSafetensors: ${name} [${shape.join(", ")}] of ${dtype} needs ${expected} bytes, got ${bytes.byteLength}`,
      );
  }
  const { header, order, bytes } = layoutSafetensors(entries, metadata);
  const file = new Uint8Array(header.length + bytes);
  file.set(header);
  let at = header.length;
  for (const tensor of order) {
    file.set(tensor.bytes, at);
    at += tensor.bytes.byteLength;
  }
  return file;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The bytes behind a typed array, without copying. */
export function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
