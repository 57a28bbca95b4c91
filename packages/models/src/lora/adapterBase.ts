// Which base an adapter was trained beside. Shapes tell T5-small from T5-base, not T5-small from FLAN-T5-small's like; so an adapter's file
// takes a few of the base's values along, in the metadata of its safetensors, which PEFT passes over.

import { dataError, printable } from "../errors.js";
import type { ModelFolder } from "../modelFolder.js";
import { weightsOf } from "../modelFolder.js";
import { toFloat32 } from "../safetensors.js";
import type { FileSource } from "../source.js";
import { type Adapter, readAdapter } from "./adapterFiles.js";
import { linearModules } from "./targets.js";

/** First values of the weights that the adapter's first and last module stand beside, by the weights' names. */
export type BaseSample = Readonly<Record<string, readonly number[]>>;

const VALUES = 8;
/** Two types of the same weights differ by their rounding: bf16's is 2^-9 of a value, f16's 3e-8 at least. */
const fits = (a: number, b: number): boolean => Math.abs(a - b) <= Math.abs(a) / 256 + 1e-7;

/** @param paths of the adapted modules */
export async function sampleBase(folder: ModelFolder, paths: readonly string[]): Promise<BaseSample> {
  const names = new Set([paths[0], paths.at(-1)].filter((path) => path !== undefined).map((path) => `${path}.weight`));
  return Object.fromEntries(await Promise.all([...names].map(async (name) => [name, await firstValues(folder, name)])));
}

/**
 * Reads the adapter of a folder for this base. Throws (data) where it is of another base: by its shapes, its targets, or the values of the
 * base that it has seen. Adapters that PEFT wrote have not seen any.
 */
export async function openAdapter(source: FileSource, folder: ModelFolder): Promise<Adapter> {
  const specs = weightsOf(folder);
  const adapter = await readAdapter(source, linearModules(specs), specs);
  for (const [name, seen] of Object.entries(adapter.base ?? {})) {
    const here = await firstValues(folder, name);
    if (seen.length === here.length && seen.every((value, i) => fits(value, here[i]!))) continue;
    const show = (values: readonly number[]) => values.slice(0, 3).map((value) => value.toPrecision(4));
    throw dataError(
      `${source.describe("")}: is an adapter of another base${adapter.config.baseModel ? ` ("${printable(adapter.config.baseModel)}")` : ""}: ${printable(name)} began with ${show(seen).join(", ")}, in ${folder.source.describe("")} it begins with ${show(here).join(", ")}; name the base it was trained beside`,
    );
  }
  return adapter;
}

async function firstValues({ checkpoint, weights }: ModelFolder, name: string): Promise<number[]> {
  const weight = weights.find((one) => one.name === name);
  if (!weight) return [];
  const count = weight.shape.reduce((product, length) => product * length, 1);
  return [...toFloat32(name, await checkpoint.read(weight.source, { begin: 0, end: Math.min(VALUES, count) }))];
}
