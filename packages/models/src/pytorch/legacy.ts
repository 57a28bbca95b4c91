// What torch.save wrote before torch 1.6: five pickles one after the other (a magic number, a version, facts of the machine, the
// value, the keys of the storages), then every storage as its number of elements and its bytes (torch/serialization.py, _legacy_load).

import { dataError, printable } from "../errors.js";
import { BYTES } from "../safetensors.js";
import type { FileSource } from "../source.js";
import { MAX_PICKLE_BYTES, type PytorchFile } from "./file.js";
import { isA, type PickledStorage, type PickledTensor, type PickleValue } from "./pickleValues.js";
import { PickleEnd, type Unpickled, unpickle } from "./unpickle.js";

/** The first pickle: PROTO 2, LONG1 of ten bytes, 0x1950a86a20f9469cfc6c, STOP. */
const MAGIC = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const VERSION = 1001;
/** The pickles are a small part at the beginning of a large file; more is read only as it is needed. */
const FIRST_BYTES = 1 << 20;

export function isLegacy(start: Uint8Array): boolean {
  return MAGIC.every((byte, i) => start[i] === byte);
}

/** Opens a file of the older form. Throws (data), and PickleError for what is no state dict. */
export async function openLegacy(source: FileSource, path: string): Promise<PytorchFile> {
  const where = source.describe(path);
  const [version, machine, value, keys] = await readPickles(source, path);
  if (version!.value !== VERSION)
    throw dataError(`${where}: torch.save's version ${printable(String(version!.value))}; known is ${VERSION}`);
  const isLittle = isA(machine!.value, "dict") ? machine!.value.entries.get("little_endian") : undefined;
  if (isLittle !== true)
    throw dataError(`${where}: was saved on a machine of other byte order; only little-endian files are read`);
  const places = await placeStorages(source, path, value!.value, keys!);
  return {
    value: value!.value,
    checkStorage({ storage: { key, dtype, count } }) {
      const found = places.get(key);
      if (!found || found.count < count || found.dtype !== dtype)
        throw dataError(
          `${where}: the storage ${printable(key)} of a tensor is not there as ${count} numbers of ${dtype}; the file is damaged`,
        );
    },
    place: async ({ storage }: PickledTensor) => places.get(storage.key)!.begin,
  };
}

/** The four pickles after the magic number. */
async function readPickles(source: FileSource, path: string): Promise<Unpickled[]> {
  const size = await source.size(path);
  const most = Math.min(size, MAX_PICKLE_BYTES);
  for (let length = Math.min(FIRST_BYTES, most); ; length = Math.min(4 * length, most)) {
    const bytes = await source.read(path, { begin: 0, end: length });
    const found: Unpickled[] = [];
    try {
      for (let at = MAGIC.length; found.length < 4; at = found.at(-1)!.end) found.push(unpickle(bytes, at));
      return found;
    } catch (error) {
      if (!(error instanceof PickleEnd) || length === most) throw error;
    }
  }
}

interface PlacedStorage {
  begin: number;
  count: number;
  dtype: PickledStorage["dtype"];
}

/** Storages follow in the order of their keys, each its number of elements (64 bits) and its bytes. */
async function placeStorages(
  source: FileSource,
  path: string,
  value: PickleValue,
  { value: keys, end }: Unpickled,
): Promise<Map<string, PlacedStorage>> {
  const where = source.describe(path);
  const size = await source.size(path);
  const storages = new Map<string, PickledStorage>();
  collectStorages(value, storages);
  if (!isA(keys, "list")) throw dataError(`${where}: has no list of storages; the file is damaged`);
  const places = new Map<string, PlacedStorage>();
  let at = end;
  for (const key of keys.items) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    // the type of a storage that no tensor uses is unknown, and with it where the next begins
    if (!storage || places.has(storage.key))
      throw dataError(`${where}: lists a storage that no tensor uses, or twice; the file is damaged`);
    if (at + 8 > size) throw dataError(`${where}: truncated: ends before the storage ${printable(storage.key)}; fetch it again`);
    const head = await source.read(path, { begin: at, end: at + 8 });
    const count = new DataView(head.buffer, head.byteOffset, 8).getBigInt64(0, true);
    const begin = at + 8;
    if (count < 0n || count * BigInt(BYTES[storage.dtype]) > BigInt(size - begin))
      throw dataError(
        `${where}: truncated: the storage ${printable(storage.key)} has ${count} numbers, the file ends before; fetch it again`,
      );
    places.set(storage.key, { begin, count: Number(count), dtype: storage.dtype });
    at = begin + Number(count) * BYTES[storage.dtype];
  }
  return places;
}

/** All storages that a value's tensors are views of; a value shared by many is looked at once. */
function collectStorages(root: PickleValue, into: Map<string, PickledStorage>): void {
  const seen = new Set<PickleValue>();
  const waiting: PickleValue[] = [root];
  for (let value = waiting.pop(); value !== undefined; value = waiting.pop()) {
    if (typeof value !== "object" || value === null || seen.has(value)) continue;
    seen.add(value);
    if (value.kind === "tensor") into.set(value.storage.key, value.storage);
    else if (value.kind === "dict") for (const item of value.entries.values()) waiting.push(item);
    else if (value.kind === "list" || value.kind === "tuple") for (const item of value.items) waiting.push(item);
  }
}
