// A model's weights on a device: trainable in arenas, or frozen in the storage asked for. One tensor at a time passes through host memory.
import { type Device, type DType, ParameterSet, persistent, type Tensor } from "@attune/tensor";
import { dataError } from "./errors.js";
import { countF16Overflow, f32ToBf16, f32ToF16 } from "./halves.js";
import type { WeightSpec } from "./pretrained.js";

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

/** Writes f32 values in the tensor's own storage, halves rounded to nearest even. Throws (data) where f16 cannot hold one. */
export function writeWeight(into: Tensor, values: Float32Array): void {
  if (into.dtype === "f32") {
    into.write(values);
    return;
  }
  const overflow = into.dtype === "f16" ? countF16Overflow(values) : 0;
  if (overflow > 0)
    throw dataError(`${into.storage.label}: ${overflow} values are beyond f16's 65,504; keep frozen weights in bf16 or f32`);
  const halves = into.dtype === "bf16" ? f32ToBf16(values) : f32ToF16(values);
  const words = new Uint16Array(Math.ceil(halves.length / 2) * 2);
  words.set(halves);
  into.write(words);
}
