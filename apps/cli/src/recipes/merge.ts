// An adapter merged into its base model, as a Hugging Face folder. Checked twice before the folder appears: the merged weights, in f32,
// against the adapter beside the base; and what was written, opened again.

import path from "node:path";
import {
  type Adapter,
  loadLora,
  loadModelFolder,
  type ModelFolder,
  mergedFolder,
  mt19937,
  Opt,
  openAdapter,
  openModelFolder,
  optPositions,
  type SaveDtype,
  type SavedCheckpoint,
  type SaveOptions,
  saveModelFolder,
  T5,
  usageError,
  weightsOf,
} from "@attune/models";
import { diskFiles, writeFolder } from "@attune/models/node";
import { type Device, noGrad, type Tensor, tensor } from "@attune/tensor";
import { userError } from "../errors.js";
import { modelFiles } from "./modelFiles.js";

export interface MergeOptions extends SaveOptions {
  /** Replace a folder that is not empty. */
  force?: boolean;
}

/** Of logits, as max|a-b| / max(1, max|b|) against those of the adapter beside the base. */
export interface MergeCheck {
  error: number;
  bound: number;
}

export interface MergeResult extends SavedCheckpoint {
  /** Weights with an adapter's layer, and weights that the adapter replaces. */
  merged: number;
  replaced: number;
  /** The merged weights in f32. */
  inMemory: MergeCheck;
  /** The written ones, in their type. */
  written: MergeCheck & { dtype: SaveDtype };
  notes: string[];
}

/** A merged weight is one rounding away from base and adapter; halves round every weight. */
const BOUNDS: Readonly<Record<SaveDtype, number>> = { f32: 1e-4, f16: 2e-2, bf16: 1e-1 };

export interface OpenedMerge {
  folder: ModelFolder;
  adapter: Adapter;
  /** The folder with the adapter in it. */
  merged: ModelFolder;
}

/** Reads what needs no device. Throws (usage, data) where model and adapter do not belong together, or `dst` would hide one of them. */
export async function openMerge(model: string, adapterFolder: string, dst: string): Promise<OpenedMerge> {
  for (const read of [model, adapterFolder]) {
    if (`${path.resolve(read)}${path.sep}`.startsWith(`${path.resolve(dst)}${path.sep}`))
      throw usageError(`${dst}: holds what is read; name another folder`);
  }
  const folder = await openModelFolder(await modelFiles(model));
  const adapter = await openAdapter(await modelFiles(adapterFolder), folder);
  return { folder, adapter, merged: mergedFolder(folder, adapter) };
}

/** Writes the merged model. Throws (numerics), leaving nothing behind, where it does not compute what the adapter does. */
export async function mergeModel(
  device: Device,
  { folder, adapter, merged }: OpenedMerge,
  dst: string,
  options: MergeOptions,
): Promise<MergeResult> {
  const expected = await logitsOf(device, folder, adapter);
  const inMemory = check(await logitsOf(device, merged), expected, "f32", "the merged weights");
  const { saved, written } = await writeFolder(
    dst,
    async (sink, temporary) => {
      const saved = await saveModelFolder(sink, merged, options);
      const opened = await openModelFolder(diskFiles(temporary));
      const dtype = options.dtype ?? widestHalf(folder);
      const found = check(await logitsOf(device, opened), expected, dtype, `the ${dtype} weights that were written`);
      return { saved, written: { ...found, dtype } };
    },
    options,
  );
  const [layers, replaced] = [adapter.modules.length, adapter.own.length];
  return { ...saved, merged: layers, replaced, inMemory, written, notes: folder.notes };
}

/** The type of the file's weights that rounds most: what is not asked for keeps its type. */
function widestHalf({ checkpoint }: ModelFolder): SaveDtype {
  const types = new Set([...checkpoint.tensors.values()].map(({ dtype }) => dtype));
  return types.has("BF16") ? "bf16" : types.has("F16") ? "f16" : "f32";
}

function check(ours: Float32Array, expected: Float32Array, dtype: SaveDtype, what: string): MergeCheck {
  let difference = ours.length === expected.length ? 0 : Number.NaN;
  let largest = 1;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(ours[i]! - expected[i]!);
    if (!(d <= difference)) difference = d; // a NaN stays
    largest = Math.max(largest, Math.abs(expected[i]!));
    if (Number.isNaN(difference)) break;
  }
  const [error, bound] = [difference / largest, BOUNDS[dtype]];
  if (!(error <= bound)) {
    throw userError(
      "numerics",
      `self-check: logits of ${what} differ from those of the adapter beside its base by ${error.toExponential(1)}, more than ${bound.toExponential(0)}; nothing was written`,
    );
  }
  return { error, bound };
}

const ROWS = 2;
const TIME = 16;

/** Logits [rows, time, vocab] of fixed random ids, in f32. */
async function logitsOf(device: Device, folder: ModelFolder, adapter: Adapter | null = null): Promise<Float32Array> {
  const loaded = await loadModelFolder(device, folder, { trainable: false });
  const lora = adapter && loadLora(device, adapter, { specs: weightsOf(folder), weights: loaded.weights });
  const random = mt19937(17);
  const draw = () => Int32Array.from({ length: ROWS * TIME }, () => random.below(folder.config.vocabSize));
  const ids = (values: Int32Array): Tensor => tensor(device, values, [ROWS, TIME]);
  const logits = device.scope(() =>
    noGrad(() => {
      if (loaded.kind === "t5")
        return new T5(loaded.config, loaded.weights, { lora }).forward({ inputIds: ids(draw()), decoderInputIds: ids(draw()) });
      const positions = optPositions(new Int32Array(ROWS * TIME).fill(1), TIME);
      return new Opt(loaded.config, loaded.weights, { lora }).forward({ inputIds: ids(draw()), positionIds: ids(positions) });
    }),
  );
  const values = (await logits.toArray()).slice() as Float32Array;
  for (const held of [logits, lora, ...loaded.weights.values()]) held?.dispose();
  return values;
}
