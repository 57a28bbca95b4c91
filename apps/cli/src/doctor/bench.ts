// attune bench: what a user wants to know of a device within a minute: how fast it multiplies, moves memory, starts kernels, and trains.
import path from "node:path";
import type { Device } from "@attune/tensor";
import { mul, persistent } from "@attune/tensor";
import { openRun, prepareRun } from "../recipes/tune.js";
import { loadRun } from "../run/load.js";
import { shippedFolder } from "../shipped.js";
import { measureSpeed, type Speed } from "./speed.js";

export interface TrainingSpeed {
  recipe: string;
  parameters: number;
  trainableParameters: number;
  /** Rows of an update, and the positions that it computes, padding among them. */
  rows: number;
  tokens: number;
  updatesPerSecond: number;
  tokensPerSecond: number;
  dispatches: number;
}

export interface BenchReport {
  adapter: string;
  isSoftware: boolean;
  speed: Speed;
  /** Microseconds of a kernel that has nothing to do, one of many in a row. */
  dispatchMicroseconds: number;
  /** Microseconds from a submit to the answer of the device. */
  roundTripMicroseconds: number;
  training: TrainingSpeed | null;
}

const RECIPE = "bundled-lora";
const ROUNDS = 3;

/** `train`: also a few updates of the bundled model, which takes most of the time where kernels must be compiled. */
export async function benchDevice(device: Device, { train }: { train: boolean }): Promise<BenchReport> {
  const { adapter, isSoftware } = device.facts;
  const speed = await measureSpeed(device);
  const dispatch = await dispatchCost(device);
  return {
    adapter: adapter.description || adapter.device,
    isSoftware,
    speed,
    ...dispatch,
    training: train ? await trainingSpeed(device) : null,
  };
}

/** The slope between few and many small kernels is the cost of one; what is left is the way to the device and back. */
export async function dispatchCost(device: Device): Promise<Pick<BenchReport, "dispatchMicroseconds" | "roundTripMicroseconds">> {
  const one = persistent(device, [1]);
  const time = async (kernels: number): Promise<number> => {
    const start = performance.now();
    device.scope(() => {
      for (let i = 0; i < kernels; i++) mul(one, one);
    });
    await one.item();
    return (performance.now() - start) * 1000;
  };
  const [few, many] = [16, 1040];
  await time(few); // compiles
  const best = async (kernels: number) => {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) times.push(await time(kernels));
    return Math.min(...times);
  };
  const [short, long] = [await best(few), await best(many)];
  one.dispose();
  device.trim(); // a thousand buffers of one number each
  const dispatchMicroseconds = Math.max(0, (long - short) / (many - few));
  return { dispatchMicroseconds, roundTripMicroseconds: Math.max(0, short - few * dispatchMicroseconds) };
}

/** The bundled LoRA run's first update, over and over: the best of three rounds. */
async function trainingSpeed(device: Device): Promise<TrainingSpeed> {
  const file = path.join(shippedFolder("recipes"), `${RECIPE}.yaml`);
  const prepared = await prepareRun(await loadRun(file, { overrides: ["data.limit=64", "eval.rows=1"] }));
  const opened = await openRun(device, prepared);
  try {
    const { trainer, model } = opened;
    const [batches] = prepared.data.updates();
    const first = batches!;
    const step = async (updates: number): Promise<number> => {
      const start = performance.now();
      for (let i = 0; i < updates; i++) trainer.update(first);
      await trainer.readLoss(updates);
      return (performance.now() - start) / 1000 / updates;
    };
    await step(1); // compiles
    const updates = Math.max(1, Math.min(50, Math.round(0.5 / (await step(1)))));
    const rounds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await step(updates));
    const seconds = Math.min(...rounds);
    const { micro, update } = trainer.planOf(first[0]!);
    const tokens = first.reduce((sum, batch) => sum + trainer.positions(batch), 0);
    return {
      recipe: RECIPE,
      parameters: [...model.model.weights.values()].reduce((sum, weight) => sum + weight.size, 0),
      trainableParameters: model.trainable.size,
      rows: prepared.run.train.batch * prepared.run.train.accumulate,
      tokens,
      updatesPerSecond: 1 / seconds,
      tokensPerSecond: tokens / seconds,
      dispatches: first.length * micro.dispatches + update.dispatches,
    };
  } finally {
    opened.dispose();
  }
}
