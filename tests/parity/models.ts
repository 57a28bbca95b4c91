// What the parity tests share: a record's model on the device, its training data, and how numbers are told apart.
import {
  type Batch,
  type Checkpoint,
  IGNORE_INDEX,
  linearModules,
  loadT5Weights,
  openCheckpoint,
  openSafetensors,
  openT5Weights,
  readJsonObject,
  readT5Config,
  shiftRight,
  T5,
  type T5OnDevice,
  t5Weights,
  toFloat32,
} from "@attune/models";
import { diskFiles } from "@attune/models/node";
import { type Device, noGrad, type Tensor, tensor } from "@attune/tensor";
import { readJson } from "./records.js";

export type Loaded = T5OnDevice & { model: T5; dispose(): void };

/** The model of a folder, all weights trainable unless they shall be frozen. */
export async function loadModel(device: Device, folder: string, how: Parameters<typeof loadT5Weights>[3]): Promise<Loaded> {
  const source = diskFiles(folder);
  const config = readT5Config(await readJsonObject(source, "config.json"));
  const loaded = await loadT5Weights(device, config, await openCheckpoint(source), how);
  const dispose = () => {
    if (loaded.trainable) loaded.trainable.dispose();
    else for (const weight of loaded.weights.values()) weight.dispose();
  };
  return { ...loaded, model: new T5(loaded.config, loaded.weights), dispose };
}

/** The linear layers of a folder's model, which is what an adapter can adapt. */
export async function linearsOf(folder: string) {
  const source = diskFiles(folder);
  const config = readT5Config(await readJsonObject(source, "config.json"));
  return linearModules(t5Weights((await openT5Weights(config, await openCheckpoint(source))).config));
}

interface PaddedRows {
  input_ids: number[][];
  attention_mask: number[][];
  labels: number[][];
}

/** A record's padded micro-batches. */
export async function microBatchesOf(folder: string): Promise<Batch[]> {
  const { micro_batches } = await readJson<{ micro_batches: PaddedRows[] }>(folder, "train/data.json");
  return micro_batches.map(({ input_ids, attention_mask, labels }) => ({
    rows: input_ids.length,
    source: input_ids[0]!.length,
    target: labels[0]!.length,
    inputIds: Int32Array.from(input_ids.flat()),
    attentionMask: Int32Array.from(attention_mask.flat()),
    labels: Int32Array.from(labels.flat()),
    targetTokens: labels.flat().filter((id) => id !== IGNORE_INDEX).length,
    realRows: input_ids.length,
  }));
}

/** Logits of a batch, computed eagerly without dropout. */
export async function logitsOf(device: Device, model: T5, batch: Batch): Promise<Float32Array> {
  const { rows, source, target, inputIds, attentionMask, labels } = batch;
  const logits = device.scope(() =>
    noGrad(() =>
      model.forward({
        inputIds: tensor(device, inputIds, [rows, source]),
        attentionMask: tensor(device, attentionMask, [rows, source]),
        decoderInputIds: tensor(device, shiftRight(labels, target, model.config), [rows, target]),
      }),
    ),
  );
  const values = (await logits.toArray()).slice() as Float32Array;
  logits.dispose();
  return values;
}

export async function tensorsOf(checkpoint: Checkpoint): Promise<Map<string, Float32Array>> {
  const read = await Promise.all(
    checkpoint.names.map(async (name) => [name, toFloat32(name, await checkpoint.read(name))] as const),
  );
  return new Map(read);
}

export async function valuesOf(tensors: ReadonlyMap<string, Tensor>): Promise<Map<string, Float32Array>> {
  const values = new Map<string, Float32Array>();
  for (const [name, one] of tensors) values.set(name, (await one.toArray()).slice() as Float32Array);
  return values;
}

export async function gradientsOf(parameters: ReadonlyMap<string, Tensor>): Promise<Map<string, Float32Array>> {
  return valuesOf(new Map([...parameters].map(([name, { grad }]) => [name, grad!])));
}

/** The largest |a - b|; NaN if any is. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.NaN;
  let largest = 0;
  for (let i = 0; i < b.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= largest)) largest = difference;
    if (Number.isNaN(largest)) return largest;
  }
  return largest;
}

/** The worst ||a - b|| / ||b|| of all tensors, and whose it is; next to nothing beside the global norm counts against that. */
export function worstNormError(
  ours: ReadonlyMap<string, Float32Array>,
  theirs: ReadonlyMap<string, Float32Array>,
): { name: string; error: number } {
  const square = (values: Float32Array) => values.reduce((sum, x) => sum + x * x, 0);
  const globalNorm = Math.sqrt([...theirs.values()].reduce((sum, values) => sum + square(values), 0));
  let worst = { name: "", error: 0 };
  for (const [name, reference] of theirs) {
    const values = ours.get(name);
    const difference = values ? Math.sqrt(square(values.map((x, i) => x - reference[i]!))) : Number.NaN;
    const length = Math.sqrt(square(reference));
    const error = difference / (length < 1e-6 * globalNorm ? globalNorm : length);
    if (!(error <= worst.error)) worst = { name, error };
  }
  return worst;
}

/** The inputs of one of a record's forward cases, as a batch. */
export async function forwardCase(folder: string, name: string): Promise<Batch> {
  const file = await openSafetensors(diskFiles(folder), "forward/cases.safetensors");
  const read = async (input: string) => {
    const { shape, bytes } = await file.read(`${name}.${input}`);
    return { shape, values: new Int32Array(new Uint8Array(bytes).buffer) };
  };
  const [ids, mask, labels] = [await read("input_ids"), await read("attention_mask"), await read("labels")];
  const [rows, source] = ids.shape as [number, number];
  const targetTokens = labels.values.filter((id) => id !== IGNORE_INDEX).length;
  return {
    rows,
    source,
    target: labels.shape[1]!,
    inputIds: ids.values,
    attentionMask: mask.values,
    labels: labels.values,
    targetTokens,
    realRows: rows,
  };
}
