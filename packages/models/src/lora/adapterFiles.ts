// An adapter's two files in PEFT's form: adapter_config.json and adapter_model.safetensors. A tensor's key is
// "base_model.model." + the base module's path + ".lora_A.weight" ([rank, in]) or ".lora_B.weight" ([out, rank]).

import { dataError } from "../errors.js";
import { matchCheckpoint, type WeightSpec } from "../pretrained.js";
import { pythonJson } from "../pythonJson.js";
import { bytesOf, openSafetensors, type TensorToWrite, toFloat32, writeSafetensors } from "../safetensors.js";
import { type FileSource, readJsonObject } from "../source.js";
import { adapterScale, adapterTargets, type LoraConfig, readAdapterConfig, writeAdapterConfig } from "./adapterConfig.js";
import { type LinearModule, matchTargets } from "./targets.js";

/** One adapted module: y += scale * B (A x). */
export interface AdapterModule {
  path: string;
  rank: number;
  scale: number;
  /** [rank, inFeatures], row-major. */
  a: Float32Array;
  /** [outFeatures, rank], row-major. */
  b: Float32Array;
  /** DoRA's magnitudes, [outFeatures]. */
  magnitude?: Float32Array;
}

export interface Adapter {
  config: LoraConfig;
  modules: AdapterModule[];
}

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const keyOf = (path: string, part: string) => `base_model.model.${path}.${part}`;

/**
 * Reads an adapter for a base model with these linear layers (linearModules). Throws (data) where the adapter is of another base: its
 * targets match no layer, or tensors are missing, unexpected or misshapen, all listed at once.
 */
export async function readAdapter(source: FileSource, linears: readonly LinearModule[]): Promise<Adapter> {
  const config = readAdapterConfig(await readJsonObject(source, CONFIG), source.describe(CONFIG));
  if (!(await source.has(WEIGHTS))) {
    const other = (await source.has("adapter_model.bin")) ? "has adapter_model.bin, but this needs" : "lacks";
    throw dataError(`${source.describe("")}: ${other} ${WEIGHTS}; save the adapter with safetensors`);
  }
  const where = source.describe(WEIGHTS);
  const modules = targetsOf(config, linears, source.describe(CONFIG)).map((module) => ({
    ...module,
    ...adapterScale(config, module.path),
  }));
  const expected = modules.flatMap(({ path, inFeatures, outFeatures, rank }): WeightSpec[] => [
    { name: keyOf(path, "lora_A.weight"), shape: [rank, inFeatures], kind: "linear" },
    { name: keyOf(path, "lora_B.weight"), shape: [outFeatures, rank], kind: "linear" },
    ...(config.useDora ? [{ name: keyOf(path, "lora_magnitude_vector"), shape: [outFeatures], kind: "norm" as const }] : []),
  ]);
  const file = await openSafetensors(source, WEIGHTS);
  // beside an adapted output head PEFT saves a copy of the frozen head itself, which the base model has too
  const copies = new Set(modules.map(({ path }) => keyOf(path, "base_layer.weight")));
  const description = `${where} (an adapter of "${config.baseModel ?? "unknown"}")`;
  matchCheckpoint(expected, file.tensors, { where: description, ignored: (name) => copies.has(name) });
  const read = async (name: string) => toFloat32(name, await file.read(name));
  const adapted: AdapterModule[] = [];
  for (const { path, rank, scale } of modules) {
    adapted.push({
      path,
      rank,
      scale,
      a: await read(keyOf(path, "lora_A.weight")),
      b: await read(keyOf(path, "lora_B.weight")),
      ...(config.useDora ? { magnitude: await read(keyOf(path, "lora_magnitude_vector")) } : {}),
    });
  }
  return { config, modules: adapted };
}

function targetsOf(config: LoraConfig, linears: readonly LinearModule[], where: string): LinearModule[] {
  try {
    return matchTargets(config.targetModules, linears);
  } catch (cause) {
    // a target that this model lacks is a wrong pair of files here, not a wrong option
    throw dataError(`${where}: does not fit this model: ${(cause as Error).message}`, cause);
  }
}

/** The files of an adapter folder, for a FileSink. Throws a RangeError where values and shapes disagree. */
export function writeAdapter({ config, modules }: Adapter): { [CONFIG]: string; [WEIGHTS]: Uint8Array } {
  const tensors = modules.flatMap(({ path, rank, a, b, magnitude }): TensorToWrite[] => [
    { name: keyOf(path, "lora_A.weight"), dtype: "F32", shape: [rank, a.length / rank], bytes: bytesOf(a) },
    { name: keyOf(path, "lora_B.weight"), dtype: "F32", shape: [b.length / rank, rank], bytes: bytesOf(b) },
    ...(magnitude
      ? [
          {
            name: keyOf(path, "lora_magnitude_vector"),
            dtype: "F32" as const,
            shape: [magnitude.length],
            bytes: bytesOf(magnitude),
          },
        ]
      : []),
  ]);
  const targetModules = adapterTargets(
    config.targetModules,
    modules.map(({ path }) => path),
  );
  return {
    [CONFIG]: pythonJson(writeAdapterConfig({ ...config, targetModules }), ["lora_dropout"]),
    [WEIGHTS]: writeSafetensors(tensors),
  };
}
