// A T5 on a device: from a checkpoint, or with fresh weights. One tensor at a time passes through host memory.
import { type Device, type DType, ParameterSet, persistent, type Tensor } from "@attune/tensor";
import { dataError } from "../errors.js";
import { countF16Overflow, f32ToBf16, f32ToF16 } from "../halves.js";
import type { WeightSpec } from "../pretrained.js";
import { type Checkpoint, toFloat32 } from "../safetensors.js";
import type { T5Config } from "./config.js";
import { initT5, openT5Weights, t5Weights } from "./weights.js";

/** How frozen linear and embedding weights are kept; norms and the position bias are always f32. */
export type FrozenStorage = "f32" | "bf16" | "f16";

export interface T5OnDevice {
  config: T5Config;
  weights: ReadonlyMap<string, Tensor>;
  /** The arenas of a fully trainable model; null if it is frozen. */
  trainable: ParameterSet | null;
  notes: string[];
}

/** Trainable f32 weights in arenas, still zero. relative_attention_bias and norms do not decay, as in transformers' groups. */
export function trainableT5(device: Device, config: T5Config): ParameterSet {
  const decays = ({ kind }: WeightSpec): boolean => kind === "linear" || kind === "embedding";
  return new ParameterSet(
    device,
    t5Weights(config).map((weight) => ({ name: weight.name, shape: weight.shape, decays: decays(weight) })),
  );
}

/** Frozen weights, still zero. */
export function frozenT5(device: Device, config: T5Config, storage: FrozenStorage): Map<string, Tensor> {
  return new Map(
    t5Weights(config).map(({ name, shape, kind }) => {
      const dtype: DType = kind === "linear" || kind === "embedding" ? storage : "f32";
      return [name, persistent(device, shape, { dtype, label: name })];
    }),
  );
}

/** Reads a checkpoint onto the device. Throws (data) listing every missing, unexpected and misshapen tensor. */
export async function loadT5Weights(
  device: Device,
  config: T5Config,
  checkpoint: Checkpoint,
  how: { trainable: true } | { trainable: false; storage?: FrozenStorage },
): Promise<T5OnDevice> {
  const opened = await openT5Weights(config, checkpoint);
  const trainable = how.trainable ? trainableT5(device, opened.config) : null;
  const weights = how.trainable ? trainable!.parameters : frozenT5(device, opened.config, how.storage ?? "f32");
  for (const { name, source } of device.backend.isPaper ? [] : opened.weights) {
    writeWeight(weights.get(name)!, toFloat32(source, await checkpoint.read(source)));
  }
  return { config: opened.config, weights, trainable, notes: opened.notes };
}

/** Fresh weights by T5's own initialisation, trainable. */
export function freshT5(device: Device, config: T5Config, seed: number): T5OnDevice {
  const trainable = trainableT5(device, config);
  if (!device.backend.isPaper) for (const { name, values } of initT5(config, seed)) trainable.get(name).write(values);
  return { config, weights: trainable.parameters, trainable, notes: [] };
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
