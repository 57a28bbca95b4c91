// An adapter's two files in PEFT's form: adapter_config.json and adapter_model.safetensors (older: adapter_model.bin). A tensor's key is
// "base_model.model." + the base module's path + ".lora_A.weight" ([rank, in]), ".lora_B.weight" ([out, rank]) or
// ".lora_magnitude_vector" ([out]); trained copies of base weights have the base's own name behind the prefix (see ownWeights).

import { nonFiniteNotes } from "../device.js";
import { dataError } from "../errors.js";
import { countNonFinite } from "../halves.js";
import { matchCheckpoint, type WeightSpec } from "../pretrained.js";
import { pythonJson } from "../pythonJson.js";
import { openPytorchFile } from "../pytorch/stateDict.js";
import { bytesOf, type Checkpoint, openSafetensors, type TensorToWrite, toFloat32, writeSafetensors } from "../safetensors.js";
import { type FileSource, readJsonObject } from "../source.js";
import type { BaseSample } from "./adapterBase.js";
import { adapterScale, adapterTargets, type LoraConfig, readAdapterConfig, writeAdapterConfig } from "./adapterConfig.js";
import { ADAPTER_PREFIX, type OwnWeight, ownWeights } from "./ownWeights.js";
import { type LinearModule, selectTargets } from "./targets.js";

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

/** A base weight that the adapter has a trained copy of. */
export interface AdapterWeight extends OwnWeight {
  /** In `shape`, row-major. */
  values: Float32Array;
}

export interface Adapter {
  config: LoraConfig;
  modules: AdapterModule[];
  /** Of modules_to_save, and trained biases. */
  own: AdapterWeight[];
  /** What it has seen of its base (adapterBase.ts). */
  base?: BaseSample;
  /** What is odd about the files but no reason to refuse them, for the user to see. */
  notes?: readonly string[];
}

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const OLD_WEIGHTS = "adapter_model.bin";
/** Of the safetensors file's metadata. */
const BASE_KEY = "attune.base";
const keyOf = (path: string, part: string) => `${ADAPTER_PREFIX}${path}.${part}`;

/**
 * Reads an adapter for a base model with these linear layers (linearModules). Throws (data) where the adapter is of another base: its
 * targets match no layer, or tensors are missing, unexpected or misshapen, all listed at once.
 * @param weights all of the base's weights, for adapters with modules_to_save or trained biases
 */
export async function readAdapter(
  source: FileSource,
  linears: readonly LinearModule[],
  weights: readonly WeightSpec[] = [],
): Promise<Adapter> {
  const config = readAdapterConfig(await readJsonObject(source, CONFIG), source.describe(CONFIG));
  const file = await openWeights(source);
  const modules = ofThisBase(source.describe(CONFIG), () => {
    const targets = selectTargets(presentTargets(config, linears), linears);
    return targets.map((module) => ({ ...module, ...adapterScale(config, module.path) }));
  });
  const paths = modules.map(({ path }) => path);
  const own = ofThisBase(source.describe(CONFIG), () => ownWeights(config, weights, paths)).map((weight) => ({
    ...weight,
    key: weight.keys.find((key) => file.tensors.has(key)) ?? weight.keys[0]!,
  }));
  const expected = modules.flatMap(({ path, inFeatures, outFeatures, rank }): WeightSpec[] => [
    { name: keyOf(path, "lora_A.weight"), shape: [rank, inFeatures], kind: "linear" },
    { name: keyOf(path, "lora_B.weight"), shape: [outFeatures, rank], kind: "linear" },
    ...(config.useDora ? [{ name: keyOf(path, "lora_magnitude_vector"), shape: [outFeatures], kind: "norm" as const }] : []),
  ]);
  expected.push(...own.map(({ key, shape, kind }) => ({ name: key, shape, kind })));
  // beside an adapted output head PEFT saves a copy of the frozen head itself, which the base model has too
  const copies = new Set(paths.map((path) => keyOf(path, "base_layer.weight")));
  const where = `${file.description} (an adapter of "${config.baseModel ?? "unknown"}")`;
  matchCheckpoint(expected, file.tensors, { where, ignored: (name) => copies.has(name), isStrict: true });
  const nonFinite = new Map<string, number>();
  const read = async (name: string) => {
    const raw = await file.read(name);
    const found = countNonFinite(raw.bytes, raw.dtype);
    if (found > 0) nonFinite.set(name, found);
    return toFloat32(name, raw);
  };
  const adapter: Adapter = { config, modules: [], own: [], ...readBase(file) };
  for (const { path, rank, scale } of modules) {
    const [a, b] = [await read(keyOf(path, "lora_A.weight")), await read(keyOf(path, "lora_B.weight"))];
    const magnitude = config.useDora ? { magnitude: await read(keyOf(path, "lora_magnitude_vector")) } : {};
    adapter.modules.push({ path, rank, scale, a, b, ...magnitude });
  }
  for (const { key, ...weight } of own) adapter.own.push({ ...weight, values: await read(key) });
  const notes = nonFiniteNotes(file, nonFinite);
  return notes.length > 0 ? { ...adapter, notes } : adapter;
}

/** Text that is none of ours counts for nothing. */
function readBase({ metadata }: Checkpoint): { base?: BaseSample } {
  try {
    const found: unknown = JSON.parse(metadata.get(BASE_KEY) ?? "null");
    const isNumbers = (values: unknown) => Array.isArray(values) && values.every(Number.isFinite);
    return found && Object.values(found).every(isNumbers) ? { base: found as BaseSample } : {};
  } catch {
    return {};
  }
}

async function openWeights(source: FileSource): Promise<Checkpoint> {
  if (await source.has(WEIGHTS)) return openSafetensors(source, WEIGHTS);
  if (await source.has(OLD_WEIGHTS)) return openPytorchFile(source, OLD_WEIGHTS);
  throw dataError(`${source.describe("")}: lacks ${WEIGHTS}, and ${OLD_WEIGHTS} too; expected an adapter as PEFT saves it`);
}

/** As PEFT: of a list of names those count that this model has, if it has any (lists are often written for several kinds of models). */
function presentTargets(config: LoraConfig, linears: readonly LinearModule[]): LoraConfig {
  const { targetModules } = config;
  if (typeof targetModules === "string") return config;
  const present = targetModules.filter((name) => linears.some(({ path }) => path === name || path.endsWith(`.${name}`)));
  return present.length > 0 ? { ...config, targetModules: present } : config;
}

/** What does not fit this model is a wrong pair of files here, not a wrong option. */
function ofThisBase<T>(where: string, find: () => T): T {
  try {
    return find();
  } catch (cause) {
    throw dataError(`${where}: does not fit this model: ${(cause as Error).message}`, cause);
  }
}

/** The files of an adapter folder, for a FileSink. Throws a RangeError where values and shapes disagree. */
export function writeAdapter({ config, modules, own, base }: Adapter): { [CONFIG]: string; [WEIGHTS]: Uint8Array } {
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
  for (const { keys, shape, values } of own) tensors.push({ name: keys[0]!, dtype: "F32", shape, bytes: bytesOf(values) });
  const targetModules = adapterTargets(
    config.targetModules,
    modules.map(({ path }) => path),
  );
  return {
    [CONFIG]: pythonJson(writeAdapterConfig({ ...config, targetModules }), ["lora_dropout"]),
    [WEIGHTS]: writeSafetensors(tensors, base && { format: "pt", [BASE_KEY]: JSON.stringify(base) }),
  };
}
