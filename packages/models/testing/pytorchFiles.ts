// PyTorch files made byte by byte, sound and hostile ones, without Python: a pickle assembler and a writer of stored zip files.

export type Bytes = readonly number[];

/** Opcodes as torch.save writes them (protocol 2), and those of attacks. */
export const op = {
  proto: (version = 2): Bytes => [0x80, version],
  stop: [0x2e] as Bytes,
  mark: [0x28] as Bytes,
  none: [0x4e] as Bytes,
  no: [0x89] as Bytes,
  emptyDict: [0x7d] as Bytes,
  emptyTuple: [0x29] as Bytes,
  tuple: [0x74] as Bytes,
  setItems: [0x75] as Bytes,
  reduce: [0x52] as Bytes,
  build: [0x62] as Bytes,
  persistent: [0x51] as Bytes,
  put: (index: number): Bytes => [0x72, ...u32(index)],
  get: (index: number): Bytes => [0x6a, ...u32(index)],
  global: (module: string, name: string): Bytes => [0x63, ...utf8(`${module}\n${name}\n`)],
  text: (value: string): Bytes => [0x58, ...u32(utf8(value).length), ...utf8(value)],
  /** Any whole number below 2^63, as LONG1. */
  int: (value: number | bigint): Bytes => [0x8a, 8, ...u64(value)],
};

export interface FileStorage {
  key: string;
  /** "FloatStorage", "HalfStorage", "BFloat16Storage", ... */
  type: string;
  count: number;
  bytes: Uint8Array;
}
export interface FileTensor {
  name: string;
  storage: string;
  offset?: number;
  shape: readonly number[];
  /** Row-major where left out. */
  strides?: readonly number[];
}
export interface TorchFile {
  storages: readonly FileStorage[];
  tensors: readonly FileTensor[];
}

/** The pickle of an OrderedDict of tensors. */
export function stateDictPickle({ storages, tensors }: TorchFile): Uint8Array {
  const ordered = [...op.global("collections", "OrderedDict"), ...op.emptyTuple, ...op.reduce];
  const code: number[] = [...op.proto(), ...ordered, ...op.mark];
  for (const { name, storage, offset = 0, shape, strides = rowMajor(shape) } of tensors) {
    const { type, count } = storages.find(({ key }) => key === storage)!;
    const id = [...op.text("storage"), ...op.global("torch", type), ...op.text(storage), ...op.text("cpu"), ...op.int(count)];
    append(code, [
      ...op.text(name),
      ...op.global("torch._utils", "_rebuild_tensor_v2"),
      ...op.mark,
      ...tupleOf(id),
      ...op.persistent,
      ...op.int(offset),
      ...tupleOf(shape.flatMap((n) => op.int(n))),
      ...tupleOf(strides.flatMap((n) => op.int(n))),
      ...op.no,
      ...ordered,
      ...op.tuple,
      ...op.reduce,
    ]);
  }
  return Uint8Array.from([...code, ...op.setItems, ...op.stop]);
}

/** The zip form, as torch.save writes it: NAME/data.pkl, NAME/byteorder, NAME/data/KEY, NAME/version. */
export function torchZip(file: TorchFile, pickle = stateDictPickle(file), byteorder = "little"): Uint8Array {
  return zipFile([
    ["model/data.pkl", pickle],
    ["model/byteorder", new TextEncoder().encode(byteorder)],
    ...file.storages.map(({ key, bytes }): [string, Uint8Array] => [`model/data/${key}`, bytes]),
    ["model/version", new TextEncoder().encode("3\n")],
  ]);
}

/** The form before torch 1.6: five pickles and the storages. */
export function torchLegacy(file: TorchFile, littleEndian = true): Uint8Array {
  const magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
  const machine = [...op.mark, ...op.text("little_endian"), littleEndian ? 0x88 : 0x89, ...op.setItems];
  const keys = [0x5d, ...op.mark, ...file.storages.flatMap(({ key }) => op.text(key)), 0x65]; // EMPTY_LIST ... APPENDS
  const code = [
    ...magic,
    ...[...op.proto(), ...op.int(1001), ...op.stop],
    ...[...op.proto(), ...op.emptyDict, ...machine, ...op.stop],
    ...stateDictPickle(file),
    ...[...op.proto(), ...keys, ...op.stop],
  ];
  for (const { count, bytes } of file.storages) append(code, [...u64(count), ...bytes]);
  return Uint8Array.from(code);
}

export interface ZipOptions {
  /** Compression method that the directory claims. */
  method?: number;
  flags?: number;
  /** Sizes and offsets in the 64-bit extra fields and end record, as large files have them. */
  isWide?: boolean;
  /** Changes a directory entry's offset of its header. */
  offset?: (index: number, offset: number) => number;
  comment?: string;
}

/** A zip file of stored entries; data begin at multiples of 64 by padding in the extra field, as torch does it. */
export function zipFile(entries: readonly (readonly [string, Uint8Array])[], options: ZipOptions = {}): Uint8Array {
  const { method = 0, flags = 0, isWide = false, offset = (_, at) => at, comment = "" } = options;
  const out: number[] = [];
  const directory: number[] = [];
  for (const [index, [name, data]] of entries.entries()) {
    const at = out.length;
    const padding = (64 - ((at + 30 + name.length + 4) % 64)) % 64;
    const common = [...u16(20), ...u16(flags), ...u16(method), ...u32(0), ...u32(0)]; // version, flags, method, time, crc
    const size = u32(data.length);
    append(out, [...u32(0x04034b50), ...common, ...size, ...size, ...u16(name.length), ...u16(padding + 4), ...utf8(name)]);
    append(out, [...utf8("FB"), ...u16(padding), ...new Array<number>(padding).fill(0x5a)]);
    append(out, data);
    const place = offset(index, at);
    const sizes = isWide ? new Array<number>(8).fill(0xff) : [...size, ...size];
    const extra = isWide ? [...u16(1), ...u16(24), ...u64(data.length), ...u64(data.length), ...u64(place)] : [];
    append(directory, [...u32(0x02014b50), ...u16(20), ...common, ...sizes, ...u16(name.length), ...u16(extra.length)]);
    append(directory, [...u16(0), ...u16(0), ...u16(0), ...u32(0), ...(isWide ? u32(0xffffffff) : u32(place))]);
    append(directory, [...utf8(name), ...extra]);
  }
  const begin = out.length;
  append(out, directory);
  const count = entries.length;
  if (isWide) {
    const end64 = out.length;
    append(out, [...u32(0x06064b50), ...u64(44), ...u16(45), ...u16(45), ...u32(0), ...u32(0)]);
    append(out, [...u64(count), ...u64(count), ...u64(directory.length), ...u64(begin)]);
    append(out, [...u32(0x07064b50), ...u32(0), ...u64(end64), ...u32(1)]);
  }
  const [counts, bytes, from] = isWide
    ? [u16(0xffff), u32(0xffffffff), u32(0xffffffff)]
    : [u16(count), u32(directory.length), u32(begin)];
  append(out, [...u32(0x06054b50), ...u16(0), ...u16(0), ...counts, ...counts, ...bytes, ...from]);
  append(out, [...u16(comment.length), ...utf8(comment)]);
  return Uint8Array.from(out);
}

export const tupleOf = (items: Bytes): Bytes => [...op.mark, ...items, ...op.tuple];
const utf8 = (text: string): Bytes => [...new TextEncoder().encode(text)];
const u16 = (value: number): Bytes => [value & 255, (value >> 8) & 255];
const u32 = (value: number): Bytes => [...u16(value & 0xffff), ...u16(value >>> 16)];
const u64 = (value: number | bigint): Bytes => [...new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)];

function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((product, n) => product * n, 1));
}

/** Appends without spreading a whole array into one call's arguments. */
function append(to: number[], items: Iterable<number>): void {
  for (const item of items) to.push(item);
}
