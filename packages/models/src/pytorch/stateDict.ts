// pytorch_model.bin as a checkpoint: what torch.save writes of a state dict, in its zip form (since torch 1.6) and in the older one.
// Names, shapes and places come from a pickle that is read without running anything (unpickle.ts); numbers are read by range.

import { dataError, printable } from "../errors.js";
import {
  BYTES,
  type Checkpoint,
  type ElementRange,
  elementsOf,
  entryOf,
  type OpenOptions,
  refuseUnreadable,
  type TensorEntry,
} from "../safetensors.js";
import type { FileSource } from "../source.js";
import { MAX_PICKLE_BYTES, type PytorchFile } from "./file.js";
import { isLegacy, openLegacy } from "./legacy.js";
import { isA, type PickledDict, type PickledTensor, type PickleValue } from "./pickleValues.js";
import { PickleError, unpickle } from "./unpickle.js";
import { openZip } from "./zip.js";

/**
 * Opens a .bin or .pt file that holds a state dict. Throws (data) for anything else: whatever the pickle would import or call beyond
 * tensors is refused by name, and never run.
 */
export async function openPytorchFile(
  source: FileSource,
  path: string,
  { maxTensors = 100_000 }: OpenOptions = {},
): Promise<Checkpoint> {
  const where = source.describe(path);
  const size = await source.size(path);
  const start = await source.read(path, { begin: 0, end: Math.min(size, 512) });
  const open = formatOf(start, where);
  let file: PytorchFile;
  try {
    file = await open(source, path, maxTensors);
  } catch (error) {
    if (!(error instanceof PickleError)) throw error;
    throw dataError(
      `${where}: is no plain state dict: ${error.message}; save it again with torch.save(model.state_dict(), ...) or as safetensors`,
      error,
    );
  }
  const { dict, warnings } = stateDictOf(file.value, where);
  const views = new Map<string, PickledTensor>();
  const others: string[] = [];
  for (const [key, value] of dict.entries) {
    if (isA(value, "tensor")) views.set(String(key), value);
    else others.push(String(key));
  }
  if (views.size > maxTensors) throw dataError(`${where}: more than ${maxTensors} tensors`);
  if (others.length > 0)
    warnings.push(`${where}: ${others.length} entries are no tensors and ignored, first "${printable(others[0]!)}"`);
  for (const tensor of views.values()) file.checkStorage(tensor);
  return checkpointOf(source, path, file, views, warnings);
}

type Opener = (source: FileSource, path: string, maxTensors: number) => Promise<PytorchFile>;

/** The reader for a file that begins so. Throws (data) for what is no PyTorch file, saying what it is where that is known. */
function formatOf(start: Uint8Array, where: string): Opener {
  const text = new TextDecoder("latin1").decode(start);
  if (text.startsWith("PK\x03\x04")) return openZipForm;
  if (isLegacy(start)) return openLegacy;
  refuseUnreadable(text, where);
  if (start.length === 0) throw dataError(`${where}: is empty; fetch it again`);
  if (text.slice(257, 262) === "ustar")
    throw dataError(`${where}: is a tar file, as torch before 0.1.10 wrote it; load it with that torch and save it again`);
  if (start[0] === 0x80)
    throw dataError(
      `${where}: is a pickle that torch.save did not write; only state dicts are read: torch.save(model.state_dict(), ...)`,
    );
  throw dataError(`${where}: is no PyTorch file (neither zip nor pickle), or damaged; fetch it again`);
}

/** The zip form: NAME/data.pkl and, for each storage, NAME/data/KEY. */
const openZipForm: Opener = async (source, path, maxTensors) => {
  const where = source.describe(path);
  const { entries, begin } = await openZip(source, path, 2 * maxTensors + 100);
  const pickles = [...entries.keys()].filter((name) => /^[^/]*\/data\.pkl$/.test(name));
  if (pickles.length !== 1) {
    const isScript = [...entries.keys()].some((name) => name.endsWith("/constants.pkl"));
    throw dataError(
      `${where}: ${isScript || pickles.length ? "is a TorchScript or other archive" : "is a zip file that torch.save did not write"}; expected one NAME/data.pkl in it`,
    );
  }
  const root = pickles[0]!.slice(0, -"data.pkl".length);
  if (entries.has(`${root}constants.pkl`))
    throw dataError(`${where}: is a TorchScript archive; save the model's state_dict() instead`);
  const whole = async (name: string, most: number): Promise<Uint8Array | undefined> => {
    const entry = entries.get(root + name);
    if (!entry) return undefined;
    if (entry.size > most)
      throw dataError(`${where}: ${printable(root + name)} has ${entry.size} bytes, at most ${most} are read`);
    const from = await begin(entry);
    return source.read(path, { begin: from, end: from + entry.size });
  };
  const order = await whole("byteorder", 16);
  if (order && new TextDecoder().decode(order) !== "little")
    throw dataError(`${where}: was saved on a machine of other byte order; only little-endian files are read`);
  const { value } = unpickle((await whole("data.pkl", MAX_PICKLE_BYTES))!);
  const entryFor = ({ storage }: PickledTensor) => entries.get(`${root}data/${storage.key}`);
  return {
    value,
    checkStorage(tensor) {
      const { key, dtype, count } = tensor.storage;
      const entry = entryFor(tensor);
      if (!entry) throw dataError(`${where}: the storage ${printable(key)} of a tensor is not there; the file is damaged`);
      if (BigInt(entry.size) < BigInt(count) * BigInt(BYTES[dtype]))
        throw dataError(
          `${where}: the storage ${printable(key)} has ${entry.size} bytes, ${count} numbers of ${dtype} need more`,
        );
    },
    place: async (tensor) => begin(entryFor(tensor)!),
  };
};

/** Where training scripts keep the state dict within what they save. */
const WRAPPERS = ["state_dict", "model_state_dict", "model"];

/** The dictionary of tensors: the value itself, or what a training script wraps in one of few known keys. Throws (data). */
function stateDictOf(value: PickleValue, where: string): { dict: PickledDict; warnings: string[] } {
  if (!isA(value, "dict")) throw dataError(`${where}: holds ${nameOf(value)}; expected a state dict (names to tensors)`);
  const holdsTensors = (dict: PickledDict) => [...dict.entries.values()].some((item) => isA(item, "tensor"));
  if (holdsTensors(value) || value.entries.size === 0) return { dict: value, warnings: [] };
  for (const key of WRAPPERS) {
    const inner = value.entries.get(key);
    if (isA(inner, "dict") && holdsTensors(inner))
      return { dict: inner, warnings: [`${where}: the state dict is its entry "${key}"; the rest is ignored`] };
  }
  const keys = [...value.entries.keys()].slice(0, 5).map((key) => printable(String(key), 40));
  throw dataError(`${where}: holds a dictionary of ${keys.join(", ")} without a tensor; expected a state dict`);
}

function nameOf(value: PickleValue): string {
  if (value === null) return "None";
  return typeof value === "object" ? `a ${value.kind}` : `a ${typeof value}`;
}

function checkpointOf(
  source: FileSource,
  path: string,
  { place }: PytorchFile,
  views: ReadonlyMap<string, PickledTensor>,
  warnings: string[],
): Checkpoint {
  const where = source.describe(path);
  const tensors = new Map<string, TensorEntry>();
  for (const [name, { storage, offset, shape }] of views) {
    const begin = offset * BYTES[storage.dtype];
    tensors.set(name, { dtype: storage.dtype, shape, begin, end: begin + elementsOf(shape) * BYTES[storage.dtype] });
  }
  return {
    names: [...tensors.keys()],
    tensors,
    metadata: new Map([["format", "pt"]]),
    warnings,
    description: where,
    async read(name, range) {
      entryOf(tensors, name, where);
      const tensor = views.get(name)!;
      const { dtype } = tensor.storage;
      const elements = range ?? { begin: 0, end: elementsOf(tensor.shape) };
      const bytes =
        elements.begin >= elements.end
          ? new Uint8Array(0)
          : await readElements(source, path, await place(tensor), tensor, elements);
      return { dtype, shape: tensor.shape, bytes };
    },
  };
}

/** The elements of a range, in row-major order. What lies in that order in the file already is read as it is. */
async function readElements(
  source: FileSource,
  path: string,
  storage: number,
  tensor: PickledTensor,
  range: ElementRange,
): Promise<Uint8Array> {
  const size = BYTES[tensor.storage.dtype];
  if (isContiguous(tensor)) {
    const first = storage + tensor.offset * size;
    return source.read(path, { begin: first + range.begin * size, end: first + range.end * size });
  }
  // a transposed or sliced view: the part of the storage that it spans is read, then gathered
  const indices = new Float64Array(range.end - range.begin); // beyond 2^32 numbers an index needs 53 bits
  const position = positionOf(range.begin, tensor.shape);
  let [lowest, highest] = [Number.POSITIVE_INFINITY, 0];
  for (let i = 0; i < indices.length; i++) {
    const index = position.reduce((sum, n, axis) => sum + n * tensor.strides[axis]!, tensor.offset);
    indices[i] = index;
    lowest = Math.min(lowest, index);
    highest = Math.max(highest, index);
    advance(position, tensor.shape);
  }
  const span = await source.read(path, { begin: storage + lowest * size, end: storage + (highest + 1) * size });
  const bytes = new Uint8Array(indices.length * size);
  for (let i = 0; i < indices.length; i++) {
    const from = (indices[i]! - lowest) * size;
    for (let byte = 0; byte < size; byte++) bytes[i * size + byte] = span[from + byte]!;
  }
  return bytes;
}

function isContiguous({ shape, strides }: PickledTensor): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** The index along each axis of row-major element `index`. */
function positionOf(index: number, shape: readonly number[]): number[] {
  const position = new Array<number>(shape.length).fill(0);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    position[axis] = index % shape[axis]!;
    index = Math.floor(index / shape[axis]!);
  }
  return position;
}

/** Moves to the next element in row-major order. */
function advance(position: number[], shape: readonly number[]): void {
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    position[axis]!++;
    if (position[axis]! < shape[axis]!) return;
    position[axis] = 0;
  }
}
