// A model's weights on a device: trainable in arenas, or frozen in the storage asked for. Values come in pieces.
import { type Device, type DType, ParameterSet, persistent, type Tensor } from "@attune/tensor";
import { dataError, listSome, printable } from "./errors.js";
import { countF16Overflow, countNonFinite, f32ToBf16, f32ToF16, halvesOf } from "./halves.js";
import type { WeightSpec } from "./pretrained.js";
import { type Checkpoint, pieces, toFloat32 } from "./safetensors.js";

/** How frozen linear and embedding weights are kept; norms and biases are always f32. */
export type FrozenStorage = "f32" | "bf16" | "f16";

export interface WeightsOnDevice {
  weights: ReadonlyMap<string, Tensor>;
  /** The arenas of a fully trainable model; null if it is frozen. */
  trainable: ParameterSet | null;
}

function isMatrix({ kind }: WeightSpec): boolean {
  return kind === "linear" || kind === "embedding";
}

/** Trainable f32 weights in arenas, still zero. Norms and biases do not decay, as in transformers' groups. */
export function trainableWeights(device: Device, specs: readonly WeightSpec[]): ParameterSet {
  return new ParameterSet(
    device,
    specs.map((weight) => ({ name: weight.name, shape: weight.shape, decays: isMatrix(weight) })),
  );
}

/** Frozen weights, still zero. */
export function frozenWeights(device: Device, specs: readonly WeightSpec[], storage: FrozenStorage): Map<string, Tensor> {
  return new Map(
    specs.map((weight) => {
      const dtype: DType = isMatrix(weight) ? storage : "f32";
      return [weight.name, persistent(device, weight.shape, { dtype, label: weight.name })];
    }),
  );
}

/** Trained, or frozen in the storage asked for (default f32). */
export type HowKept = { trainable: true } | { trainable: false; storage?: FrozenStorage };

/** Writes f32 values in the tensor's own storage, halves rounded to nearest even. Throws (data) where f16 cannot hold one. */
export function writeWeight(into: Tensor, values: Float32Array): void {
  writePiece(into, values, 0);
}

/**
 * Reads weights onto the device, piece by piece: what is in host memory at a time is a piece (PIECE_ELEMENTS) in the file's type, in
 * f32 and in the device's, however large the model. A half that stays a half keeps its bits. Nothing on a device that only counts.
 * Throws (data) where f16 cannot hold a value.
 * @returns the number of values that are infinite or NaN, by tensor, where there are any
 */
export async function readWeights(
  device: Device,
  weights: ReadonlyMap<string, Tensor>,
  sources: readonly { name: string; source: string }[],
  checkpoint: Checkpoint,
): Promise<Map<string, number>> {
  const nonFinite = new Map<string, number>();
  if (device.backend.isPaper) return nonFinite;
  for (const { name, source } of sources) {
    const into = weights.get(name)!;
    let found = 0;
    for (const piece of pieces(into.size)) {
      const raw = await checkpoint.read(source, piece);
      if (raw.dtype.toLowerCase() === into.dtype && into.dtype !== "f32") {
        into.write(evenWords(halvesOf(raw.bytes)), piece.begin * 2);
      } else writePiece(into, toFloat32(source, raw), piece.begin);
      found += countNonFinite(raw.bytes, raw.dtype);
    }
    if (found > 0) nonFinite.set(source, found);
  }
  return nonFinite;
}

/** For the user: weights that are infinite or NaN make everything NaN, and a training run cannot mend them. */
export function nonFiniteNotes({ description }: Checkpoint, nonFinite: ReadonlyMap<string, number>): string[] {
  if (nonFinite.size === 0) return [];
  const counts = [...nonFinite].map(([name, count]) => `${printable(name)} (${count})`);
  return [`${description}: values that are infinite or not a number in ${nonFinite.size} tensors: ${listSome(counts)}`];
}

/** Values for the elements from `begin` (even) on. */
function writePiece(into: Tensor, values: Float32Array, begin: number): void {
  if (into.dtype === "f32") {
    into.write(values, begin * 4);
    return;
  }
  const overflow = into.dtype === "f16" ? countF16Overflow(values) : 0;
  if (overflow > 0)
    throw dataError(`${into.storage.label}: ${overflow} values are beyond f16's 65,504; keep frozen weights in bf16 or f32`);
  into.write(evenWords(into.dtype === "bf16" ? f32ToBf16(values) : f32ToF16(values)), begin * 2);
}

/** Two halves a word; the last of an odd number is followed by zero. */
function evenWords(halves: Uint16Array): Uint16Array {
  if (halves.length % 2 === 0) return halves;
  const words = new Uint16Array(halves.length + 1);
  words.set(halves);
  return words;
}
