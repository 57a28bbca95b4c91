// A run that stops and goes on is the run that never stopped, bit for bit.
import {
  freshLora,
  freshT5,
  LORA_DEFAULTS,
  linearModules,
  memoryFiles,
  memorySink,
  openSafetensors,
  T5,
  T5_DEFAULTS,
  t5Weights,
} from "@attune/models";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MicroBatch } from "./microPrograms.js";
import { Trainer, type TrainerOptions } from "./trainer.js";
import { restoreTrainer, saveTrainer } from "./trainerState.js";

const CONFIG = { ...T5_DEFAULTS, vocabSize: 64, dModel: 16, dKv: 8, dFf: 32, numLayers: 1, numDecoderLayers: 1, numHeads: 2 };
const UPDATES = 6;

function batchOf(update: number): MicroBatch {
  const ids = (count: number, from: number): Int32Array =>
    Int32Array.from({ length: count }, (_, i) => 2 + ((from + i * 31) % 61));
  return {
    rows: 2, source: 8, target: 8, targetTokens: 16,
    inputIds: ids(16, update), attentionMask: new Int32Array(16).fill(1), labels: ids(16, 7 * update),
  }; // biome-ignore format: few lines
}

interface Kind {
  name: string;
  hasLora?: boolean;
  options?: Partial<TrainerOptions>;
}
const KINDS: readonly Kind[] = [
  { name: "all weights, AdamW" },
  { name: "LoRA, AdamW", hasLora: true },
  { name: "Adafactor with a running mean", options: { optimizer: { kind: "adafactor", beta1: 0.9 } } },
  // the first scale overflows: updates are refused until it fits, and numbers of good ones lag behind
  { name: "a loss scale that overflows at first", options: { lossScale: { initial: 2 ** 127, growthInterval: 2 } } },
];

describe("a trainer that goes on where another stopped", () => {
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  function open({ hasLora = false, options = {} }: Kind) {
    const { weights, trainable } = freshT5(device, CONFIG, 1);
    const lora = hasLora
      ? freshLora(
          device,
          { ...LORA_DEFAULTS, rank: 4, targetModules: ["q", "v"], dropout: 0.1 },
          linearModules(t5Weights(CONFIG)),
          3,
        )
      : null;
    const trainer = new Trainer(device, {
      model: new T5(CONFIG, weights, { lora }),
      trainable: lora ? lora.parameters : trainable!,
      lora,
      learningRate: (done) => 1e-2 / (1 + done),
      dropout: 0.1,
      seed: 5,
      ...options,
    });
    const dispose = () => {
      trainer.dispose();
      trainer.scratch.dispose();
      lora?.dispose();
      trainable!.dispose();
    };
    return { trainer, dispose };
  }

  const run = (trainer: Trainer, from: number, to: number) => {
    for (let i = from; i < to; i++) trainer.update([batchOf(i)]);
  };
  const bytesOf = async (trainer: Trainer) => {
    const sink = memorySink();
    const counters = await saveTrainer(trainer, sink);
    return { file: sink.files["trainer.safetensors"]!, counters };
  };

  it.each(KINDS)("$name", async (kind) => {
    const whole = open(kind);
    run(whole.trainer, 0, UPDATES);
    const expected = await bytesOf(whole.trainer);
    whole.dispose();

    const first = open(kind);
    run(first.trainer, 0, 3);
    const { file, counters } = await bytesOf(first.trainer);
    first.dispose();
    if (kind.options?.lossScale) expect(counters.skipped).toBeGreaterThan(0);

    const second = open(kind);
    run(second.trainer, 0, 1); // whatever it held is replaced
    await restoreTrainer(
      second.trainer,
      await openSafetensors(memoryFiles({ "trainer.safetensors": file }), "trainer.safetensors"),
      counters,
    );
    run(second.trainer, 3, UPDATES);
    const { file: resumed, counters: after } = await bytesOf(second.trainer);
    expect(after).toEqual(expected.counters);
    expect(Buffer.compare(resumed, expected.file)).toBe(0);
    second.dispose();
  });

  it("refuses the state of another model or optimizer, all at once, and keeps its own", async () => {
    const adamW = open(KINDS[0]!);
    run(adamW.trainer, 0, 1);
    const { file, counters } = await bytesOf(adamW.trainer);
    adamW.dispose();
    const other = open(KINDS[2]!);
    run(other.trainer, 0, 2);
    const before = await bytesOf(other.trainer);
    const state = await openSafetensors(memoryFiles({ state: file }), "state");
    await expect(restoreTrainer(other.trainer, state, counters)).rejects.toThrow(
      /another model, adapter or optimizer: adafactor.second.0: is missing.*adamw.m.0: is not of this run/,
    );
    expect((await bytesOf(other.trainer)).file).toEqual(before.file);
    other.dispose();
  });
});
