// An OPT on a device: from a checkpoint, or with fresh weights.
import type { Device } from "@attune/tensor";
import { type FrozenStorage, frozenWeights, trainableWeights, type WeightsOnDevice, writeWeight } from "../device.js";
import { type Checkpoint, toFloat32 } from "../safetensors.js";
import type { OptConfig } from "./config.js";
import { initOpt, openOptWeights, optWeights } from "./weights.js";

export interface OptOnDevice extends WeightsOnDevice {
  config: OptConfig;
}

export type OptStorage = { trainable: true } | { trainable: false; storage?: FrozenStorage };

/** Reads a checkpoint onto the device. Throws (data) listing every missing, unexpected and misshapen tensor. */
export async function loadOptWeights(
  device: Device,
  config: OptConfig,
  checkpoint: Checkpoint,
  how: OptStorage,
): Promise<OptOnDevice> {
  const sources = openOptWeights(config, checkpoint);
  const made = emptyOpt(device, config, how);
  for (const { name, source } of device.backend.isPaper ? [] : sources) {
    writeWeight(made.weights.get(name)!, toFloat32(source, await checkpoint.read(source)));
  }
  return made;
}

/** Fresh weights by OPT's own initialisation. */
export function freshOpt(device: Device, config: OptConfig, seed: number, how: OptStorage = { trainable: true }): OptOnDevice {
  const made = emptyOpt(device, config, how);
  if (!device.backend.isPaper) for (const { name, values } of initOpt(config, seed)) writeWeight(made.weights.get(name)!, values);
  return made;
}

function emptyOpt(device: Device, config: OptConfig, how: OptStorage): OptOnDevice {
  const specs = optWeights(config);
  if (!how.trainable) return { config, weights: frozenWeights(device, specs, how.storage ?? "f32"), trainable: null };
  const trainable = trainableWeights(device, specs);
  return { config, weights: trainable.parameters, trainable };
}
