// A trainer's state as one safetensors file and a few counts: with the run's options and data, all that the next update depends on. Dropout
// draws by seed and step, and the data's position follows from the step, so neither needs more than the count.

import {
  bytesOf,
  type Checkpoint,
  dataError,
  type FileSink,
  listSome,
  saveCheckpoint,
  type TensorToSave,
  toFloat32,
} from "@attune/models";
import type { Device, Storage } from "@attune/tensor";
import type { Trainer, TrainerCounters } from "./trainer.js";

/** Elements that are in host memory at a time. */
const PIECE = 4 << 20;

/** Writes everything under `file`, piece by piece. Waits for the device. Throws (storage) where the sink does. */
export async function saveTrainer(trainer: Trainer, sink: FileSink, file = "trainer.safetensors"): Promise<TrainerCounters> {
  const tensors = trainer.stored.map(({ name, storage }): TensorToSave => {
    return {
      name,
      shape: [storage.bytes / 4],
      dtype: "f32",
      async read({ begin, end }) {
        const bytes = new Uint8Array(4 * (end - begin));
        for (let at = begin; at < end; at += PIECE) {
          const values = await readPiece(trainer.device, storage, at, Math.min(PIECE, end - at));
          bytes.set(bytesOf(values), 4 * (at - begin));
        }
        return { dtype: "F32", bytes };
      },
    };
  });
  const counters = await trainer.counters();
  await saveCheckpoint({ ...sink, create: () => sink.create(file) }, tensors, { maxShardBytes: Number.POSITIVE_INFINITY });
  return counters;
}

/**
 * Puts a trainer where `saveTrainer` found another of the same options. Throws (data) where the file is of other parameters or another
 * optimizer, before anything is written.
 */
export async function restoreTrainer(trainer: Trainer, checkpoint: Checkpoint, counters: TrainerCounters): Promise<void> {
  const { stored, device } = trainer;
  const wrong = stored.flatMap(({ name, storage }) => {
    const found = checkpoint.tensors.get(name);
    const wanted = storage.bytes / 4;
    if (!found) return [`${name}: is missing`];
    const has = found.shape.reduce((product, n) => product * n, 1);
    return has === wanted && found.dtype === "F32"
      ? []
      : [`${name}: has ${has} values of ${found.dtype}, expected ${wanted} of F32`];
  });
  const names = new Set(stored.map(({ name }) => name));
  for (const name of checkpoint.tensors.keys()) if (!names.has(name)) wrong.push(`${name}: is not of this run`);
  if (wrong.length > 0) throw dataError(`${checkpoint.description}: another model, adapter or optimizer: ${listSome(wrong)}`);
  for (const { name, storage } of stored) {
    for (let begin = 0; begin < storage.bytes / 4; begin += PIECE) {
      const end = Math.min(storage.bytes / 4, begin + PIECE);
      const values = toFloat32(name, await checkpoint.read(name, { begin, end }));
      const slice = storage.slice(4 * begin, 4 * (end - begin), name);
      device.backend.write(slice.place(), values);
      slice.wasWritten();
    }
  }
  trainer.restore(counters);
}

async function readPiece(device: Device, storage: Storage, begin: number, count: number): Promise<Float32Array> {
  const slice = storage.slice(4 * begin, 4 * count, "state");
  return new Float32Array(await device.read(slice, slice.bytes));
}
