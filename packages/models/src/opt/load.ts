// An OPT on a device: from a checkpoint, or with fresh weights.
import type { Device } from "@attune/tensor";
import {
  frozenWeights,
  type HowKept,
  nonFiniteNotes,
  readWeights,
  trainableWeights,
  type WeightsOnDevice,
  writeWeight,
} from "../device.js";
import type { Checkpoint } from "../safetensors.js";
import type { OptConfig } from "./config.js";
import { initOpt, type OptOpened, openOptWeights, optWeights } from "./weights.js";

export interface OptOnDevice extends WeightsOnDevice {
  config: OptConfig;
  notes: string[];
}

/** Reads a checkpoint onto the device. Throws (data) listing every missing, unexpected and misshapen tensor. */
export async function loadOptWeights(
  device: Device,
  config: OptConfig,
  checkpoint: Checkpoint,
  how: HowKept,
): Promise<OptOnDevice> {
  return putOptOnDevice(device, await openOptWeights(config, checkpoint), how);
}

/** The same of a checkpoint that is opened already. */
export async function putOptOnDevice(device: Device, opened: OptOpened, how: HowKept): Promise<OptOnDevice> {
  const made = emptyOpt(device, opened.config, how);
  const nonFinite = await readWeights(device, made.weights, opened.weights, opened.checkpoint);
  return { ...made, notes: [...opened.notes, ...nonFiniteNotes(opened.checkpoint, nonFinite)] };
}

/** Fresh weights by OPT's own initialisation. */
export function freshOpt(device: Device, config: OptConfig, seed: number, how: HowKept = { trainable: true }): OptOnDevice {
  const made = emptyOpt(device, config, how);
  if (!device.backend.isPaper) for (const { name, values } of initOpt(config, seed)) writeWeight(made.weights.get(name)!, values);
  return made;
}

function emptyOpt(device: Device, config: OptConfig, how: HowKept): OptOnDevice {
  const specs = optWeights(config);
  if (!how.trainable) return { config, weights: frozenWeights(device, specs, how.storage ?? "f32"), trainable: null, notes: [] };
  const trainable = trainableWeights(device, specs);
  return { config, weights: trainable.parameters, trainable, notes: [] };
}
