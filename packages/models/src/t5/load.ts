// A T5 on a device: from a checkpoint, or with fresh weights.
import type { Device, ParameterSet, Tensor } from "@attune/tensor";
import {
  type FrozenStorage,
  frozenWeights,
  type HowKept,
  nonFiniteNotes,
  readWeights,
  trainableWeights,
  type WeightsOnDevice,
} from "../device.js";
import type { Checkpoint } from "../safetensors.js";
import type { T5Config } from "./config.js";
import { initT5, openT5Weights, type T5Opened, t5Weights } from "./weights.js";

export interface T5OnDevice extends WeightsOnDevice {
  config: T5Config;
  notes: string[];
}

/** Trainable f32 weights in arenas, still zero. */
export function trainableT5(device: Device, config: T5Config): ParameterSet {
  return trainableWeights(device, t5Weights(config));
}

/** Frozen weights, still zero. */
export function frozenT5(device: Device, config: T5Config, storage: FrozenStorage): Map<string, Tensor> {
  return frozenWeights(device, t5Weights(config), storage);
}

/** Reads a checkpoint onto the device. Throws (data) listing every missing, unexpected and misshapen tensor. */
export async function loadT5Weights(device: Device, config: T5Config, checkpoint: Checkpoint, how: HowKept): Promise<T5OnDevice> {
  return putT5OnDevice(device, await openT5Weights(config, checkpoint), how);
}

/** The same of a checkpoint that is opened already. */
export async function putT5OnDevice(device: Device, opened: T5Opened, how: HowKept): Promise<T5OnDevice> {
  const trainable = how.trainable ? trainableT5(device, opened.config) : null;
  const weights = how.trainable ? trainable!.parameters : frozenT5(device, opened.config, how.storage ?? "f32");
  const nonFinite = await readWeights(device, weights, opened.weights, opened.checkpoint);
  return { config: opened.config, weights, trainable, notes: [...opened.notes, ...nonFiniteNotes(opened.checkpoint, nonFinite)] };
}

/** Fresh weights by T5's own initialisation, trainable. */
export function freshT5(device: Device, config: T5Config, seed: number): T5OnDevice {
  const trainable = trainableT5(device, config);
  if (!device.backend.isPaper) for (const { name, values } of initT5(config, seed)) trainable.get(name).write(values);
  return { config, weights: trainable.parameters, trainable, notes: [] };
}
