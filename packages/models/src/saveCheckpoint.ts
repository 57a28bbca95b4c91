// Weights to safetensors files, piece by piece: one file, or shards below a size with an index, as transformers' save_pretrained
// names and fills them. What is in memory at a time is a piece of one tensor.

import { dataError, listSome, printable } from "./errors.js";
import { countF16Overflow, countNonFinite, f32ToBf16, f32ToF16 } from "./halves.js";
import {
  BYTES,
  bytesOf,
  type ElementRange,
  elementsOf,
  layoutSafetensors,
  pieces,
  type RawTensor,
  type TensorHead,
  toFloat32,
} from "./safetensors.js";
import type { FileSink } from "./sink.js";

/** A type that weights are saved in. */
export type SaveDtype = "f32" | "bf16" | "f16";

const FILE_TYPES = { f32: "F32", bf16: "BF16", f16: "F16" } as const;
/** As torch and config.json call them. */
export const TORCH_NAMES = { f32: "float32", bf16: "bfloat16", f16: "float16" } as const;

/** A tensor whose values come when they are asked for. */
export interface TensorToSave {
  name: string;
  shape: readonly number[];
  /** The type it has; it stays so where none is asked for. */
  dtype: SaveDtype;
  read(elements: ElementRange): Promise<Pick<RawTensor, "dtype" | "bytes">>;
}

export interface SaveOptions {
  /** Default: each tensor's own type. */
  dtype?: SaveDtype;
  /** Most bytes of tensors in one file; a tensor above it has a file alone. Default 5 GB, as in transformers 4. */
  maxShardBytes?: number;
  /** Values beyond f16's 65,504 become the largest f16 of their sign instead of an error. Default false. */
  clampOverflow?: boolean;
  /** Told of progress: bytes of tensors written, and of all. */
  onProgress?: (done: number, total: number) => void;
}

export interface SavedCheckpoint {
  files: string[];
  /** Of the tensors. */
  bytes: number;
  tensors: number;
  /** Values that were clamped, by tensor, where there are any. */
  clamped: Map<string, number>;
  /** Values that are infinite or NaN, by tensor, where there are any. */
  nonFinite: Map<string, number>;
}

export const DEFAULT_SHARD_BYTES = 5e9;

type Planned = TensorHead & { source: TensorToSave };

/**
 * Writes model.safetensors, or shards and their index. Throws (data) where values do not fit f16, all such tensors at once: by then
 * files are written, so the folder should be one that is dropped on an error (writeFolder); (storage) where the sink does.
 */
export async function saveCheckpoint(
  sink: FileSink,
  tensors: readonly TensorToSave[],
  options: SaveOptions = {},
): Promise<SavedCheckpoint> {
  const { maxShardBytes = DEFAULT_SHARD_BYTES, clampOverflow = false, onProgress = () => {} } = options;
  const planned = tensors.map((source): Planned => {
    const { name, shape, dtype } = source;
    return { name, shape, dtype: FILE_TYPES[options.dtype ?? dtype], source };
  });
  const shards = shardsOf(planned, maxShardBytes);
  const total = planned.reduce((sum, tensor) => sum + bytesIn(tensor), 0);
  const overflow = new Map<string, number>();
  const nonFinite = new Map<string, number>();
  const files: string[] = [];
  let done = 0;
  for (const [index, shard] of shards.entries()) {
    const file = shards.length === 1 ? "model.safetensors" : shardName(index, shards.length);
    const { header, order } = layoutSafetensors(shard);
    const writer = await sink.create(file);
    try {
      await writer.write(header);
      for (const { name, shape, dtype, source } of order) {
        for (const piece of pieces(elementsOf(shape))) {
          const converted = convert(name, await source.read(piece), dtype, clampOverflow);
          addTo(overflow, name, converted.overflow);
          addTo(nonFinite, name, countNonFinite(converted.bytes, dtype) - (clampOverflow ? 0 : converted.overflow));
          await writer.write(converted.bytes);
          done += converted.bytes.length;
          onProgress(done, total);
        }
      }
      await writer.close();
    } finally {
      await writer.abort();
    }
    files.push(file);
  }
  if (overflow.size > 0 && !clampOverflow) {
    const counts = [...overflow].map(([name, count]) => `${printable(name)} (${count})`);
    throw dataError(
      `${sink.describe("")}: values beyond f16's 65,504 in ${overflow.size} tensors: ${listSome(counts)}; save as bf16 or f32, or clamp them`,
    );
  }
  if (shards.length > 1) {
    await sink.write("model.safetensors.index.json", indexJson(shards, total));
    files.push("model.safetensors.index.json");
  }
  return { files, bytes: total, tensors: planned.length, clamped: overflow, nonFinite };
}

function addTo(counts: Map<string, number>, name: string, count: number): void {
  if (count > 0) counts.set(name, (counts.get(name) ?? 0) + count);
}

/** Tensors in their order, a new shard where the next one would pass the limit. */
function shardsOf(tensors: readonly Planned[], limit: number): Planned[][] {
  const shards: Planned[][] = [[]];
  let room = limit;
  for (const tensor of tensors) {
    const bytes = bytesIn(tensor);
    if (bytes > room && shards.at(-1)!.length > 0) {
      shards.push([]);
      room = limit;
    }
    shards.at(-1)!.push(tensor);
    room -= bytes;
  }
  return shards;
}

function bytesIn({ shape, dtype }: TensorHead): number {
  return elementsOf(shape) * BYTES[dtype];
}

function shardName(index: number, count: number): string {
  const five = (n: number) => String(n).padStart(5, "0");
  return `model-${five(index + 1)}-of-${five(count)}.safetensors`;
}

function indexJson(shards: readonly Planned[][], totalSize: number): string {
  const map = new Map(shards.flatMap((shard, i) => shard.map(({ name }) => [name, shardName(i, shards.length)] as const)));
  const parameters = shards.flat().reduce((sum, { shape }) => sum + elementsOf(shape), 0);
  const weightMap = Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ metadata: { total_parameters: parameters, total_size: totalSize }, weight_map: weightMap }, null, 2)}\n`;
}

/** Bytes in the type of the file; a tensor that has it already keeps its bits. */
function convert(
  name: string,
  raw: Pick<RawTensor, "dtype" | "bytes">,
  dtype: TensorHead["dtype"],
  clampOverflow: boolean,
): { bytes: Uint8Array; overflow: number } {
  if (raw.dtype === dtype) return { bytes: raw.bytes, overflow: 0 };
  const values = toFloat32(name, { ...raw, shape: [] });
  if (dtype === "F32") return { bytes: bytesOf(values), overflow: 0 };
  if (dtype === "BF16") return { bytes: bytesOf(f32ToBf16(values)), overflow: 0 };
  const overflow = countF16Overflow(values);
  if (overflow > 0 && clampOverflow) clampToF16(values);
  return { bytes: bytesOf(f32ToF16(values)), overflow };
}

/** Finite values beyond f16 to its largest; infinities and NaN stay what they are. */
function clampToF16(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Math.abs(value) >= 65520 && Number.isFinite(value)) values[i] = Math.sign(value) * 65504;
  }
}
