// Captured programs of a whole model: eager, captured and fused runs agree bit for bit, replays make nothing new, and hundreds of steps
// leave no trace in memory.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { softwareFacts } from "@attune/kernels-wgsl";
import {
  freshLora,
  freshOpt,
  freshT5,
  frozenT5,
  LORA_DEFAULTS,
  linearModules,
  OPT_DEFAULTS,
  Opt,
  optWeights,
  T5,
  T5_DEFAULTS,
  type T5Config,
  t5Weights,
} from "@attune/models";
import { Device, nullBackend } from "@attune/tensor";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { type MicroBatch, Trainer, type TrainerOptions } from "@attune/tuning";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const TINY: T5Config = {
  ...T5_DEFAULTS,
  vocabSize: 64,
  dModel: 16,
  dKv: 8,
  dFf: 32,
  numLayers: 2,
  numDecoderLayers: 2,
  numHeads: 2,
};
/** Leaks show in a few hundred steps; the long mode runs the full count. */
const LEAK_STEPS = process.env.ATTUNE_LONG ? 500 : 150;
const DROPOUT = 0.1;

function batchOf(source: number, target: number, rows = 2): MicroBatch {
  const ids = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => 2 + ((i * 31) % 61));
  return {
    rows,
    source,
    target,
    inputIds: ids(rows * source),
    attentionMask: new Int32Array(rows * source).fill(1),
    labels: ids(rows * target),
    targetTokens: rows * target,
  };
}

function trainerOf(device: Device, options: Partial<TrainerOptions> & { config?: T5Config } = {}) {
  const { config = TINY, ...rest } = options;
  const { weights, trainable } = freshT5(device, config, 1);
  const trainer = new Trainer(device, {
    model: new T5(config, weights),
    trainable: trainable!,
    learningRate: () => 1e-3,
    dropout: DROPOUT,
    seed: 1,
    ...rest,
  });
  const dispose = (): void => {
    trainer.dispose();
    trainer.scratch.dispose();
    trainable!.dispose();
  };
  return { trainer, parameters: trainable!, dispose };
}

describe("programs of a whole model", () => {
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  describe("gradient checkpointing", () => {
    const updates = async (trainer: Trainer, batch: MicroBatch) => {
      for (let i = 0; i < 3; i++) trainer.update([batch]);
      const { data } = trainer.options.trainable.ranges[0]!;
      const weights = new Uint8Array(await device.read(data, data.bytes));
      return { weights, scratch: trainer.planOf(batch).micro.scratchBytes };
    };

    it("of a T5 gives the same bits with less memory, with dropout and a bias that blocks share", async () => {
      const of = async (gradientCheckpointing: boolean) => {
        const { trainer, dispose } = trainerOf(device, {
          gradientCheckpointing,
          config: { ...TINY, numLayers: 4, numDecoderLayers: 4 },
        });
        const result = await updates(trainer, batchOf(32, 24, 4));
        dispose();
        return result;
      };
      const [kept, again] = [await of(false), await of(true)];
      expect(Buffer.compare(again.weights, kept.weights)).toBe(0);
      expect(again.scratch).toBeLessThan(0.75 * kept.scratch);
    });

    it("of an OPT with LoRA gives the same bits with less memory", async () => {
      const config = {
        ...OPT_DEFAULTS,
        vocabSize: 64,
        hiddenSize: 16,
        wordEmbedProjDim: 16,
        ffnDim: 32,
        numLayers: 4,
        numHeads: 2,
      };
      const of = async (gradientCheckpointing: boolean) => {
        const { weights } = freshOpt(device, config, 1, { trainable: false });
        const linears = linearModules(optWeights(config));
        const lora = freshLora(device, { ...LORA_DEFAULTS, targetModules: ["q_proj", "fc1"], dropout: DROPOUT }, linears, 1);
        const trainer = new Trainer(device, {
          model: new Opt(config, weights, { lora }),
          trainable: lora.parameters,
          lora,
          learningRate: () => 1e-2,
          dropout: DROPOUT,
          seed: 1,
          gradientCheckpointing,
        });
        const result = await updates(trainer, batchOf(48, 48, 4));
        trainer.dispose();
        trainer.scratch.dispose();
        lora.dispose();
        for (const weight of weights.values()) weight.dispose();
        return result;
      };
      const [kept, again] = [await of(false), await of(true)];
      expect(Buffer.compare(again.weights, kept.weights)).toBe(0);
      expect(again.scratch).toBeLessThan(0.75 * kept.scratch);
    });
  });

  for (const feedForward of ["relu", "gated-gelu"] as const) {
    it(`a T5 step (${feedForward}) has the same bits fused and unfused`, async () => {
      const weightsAfter = async (fuse: boolean): Promise<{ bits: string; recorded: number; dispatches: number }> => {
        device.fuses = fuse;
        const { trainer, parameters, dispose } = trainerOf(device, { config: { ...TINY, feedForward } });
        for (let i = 0; i < 3; i++) trainer.update([batchOf(8, 8), batchOf(8, 8)]);
        const bits: string[] = [];
        for (const tensor of parameters.parameters.values())
          bits.push(new Uint32Array((await tensor.toArray()).slice().buffer).join());
        const { recorded, dispatches } = trainer.planOf(batchOf(8, 8)).micro;
        dispose();
        return { bits: bits.join("\n"), recorded, dispatches };
      };
      const unfused = await weightsAfter(false);
      const fused = await weightsAfter(true);
      expect(fused.bits).toBe(unfused.bits);
      expect(unfused.dispatches).toBe(unfused.recorded);
      expect(fused.dispatches).toBeLessThan(0.92 * fused.recorded);
    });
  }

  it("replays make no buffer, pipeline or bind group after the first step", async () => {
    const { trainer, dispose } = trainerOf(device);
    trainer.update([batchOf(8, 8)]);
    await trainer.readLoss(1);
    const made = (): object => {
      const { texts, buffers, bindGroups } = device.backend.stats;
      return { texts, buffers, bindGroups, measured: device.measured.liveBytes };
    };
    const before = made();
    for (let i = 0; i < 5; i++) trainer.update([batchOf(8, 8)]);
    device.backend.flush();
    expect(made()).toEqual(before);
    dispose();
  });

  it("more shapes than programs may be kept neither leak nor fail, and lose nothing", async () => {
    const shapes = [batchOf(4, 4), batchOf(8, 4), batchOf(8, 8), batchOf(12, 4)];
    const run = async (maxPrograms: number) => {
      const { trainer, dispose } = trainerOf(device, { maxPrograms });
      const liveBytes: number[] = [];
      const losses: number[] = [];
      for (let round = 0; round < 3; round++) {
        for (const shape of shapes) {
          trainer.update([shape]);
          losses.push((await trainer.readLoss(1)).loss);
        }
        liveBytes.push(device.measured.liveBytes);
      }
      const { programs } = trainer;
      dispose();
      return { programs, liveBytes, losses };
    };
    const before = device.measured.liveBytes;
    const bounded = await run(2);
    expect(bounded.programs).toEqual({ live: 2, captured: 12 });
    expect(new Set(bounded.liveBytes).size).toBe(1);
    const free = await run(16);
    expect(free.programs).toEqual({ live: 4, captured: 4 });
    expect(bounded.losses).toEqual(free.losses);
    device.trim();
    expect(device.measured.liveBytes).toBeLessThanOrEqual(before);
  });

  it(`device memory stays the same over ${LEAK_STEPS} steps, and the process hardly grows`, async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const settledRss = async (): Promise<number> => {
      device.backend.flush();
      for (let i = 0; i < 3; i++) {
        collect();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return process.memoryUsage().rss;
    };
    const { trainer, dispose } = trainerOf(device);
    const batches = [batchOf(8, 8), batchOf(4, 8)];
    let bytesAtThree = 0;
    let rssAtFifty = 0;
    for (let step = 1; step <= LEAK_STEPS; step++) {
      trainer.update([batches[step % 2]!]);
      if (step % 10 === 0 || step === 3) await trainer.readLoss(10);
      if (step === 3) bytesAtThree = device.measured.liveBytes;
      if (step === 50) rssAtFifty = await settledRss();
    }
    await trainer.readLoss(10);
    expect(device.measured.liveBytes).toBe(bytesAtThree);
    const grown = (await settledRss()) - rssAtFifty;
    console.log(`RSS grew by ${(grown / 2 ** 20).toFixed(1)} MiB from step 50 to ${LEAK_STEPS}`);
    expect(grown).toBeLessThan(8 * 2 ** 20);
    dispose();
  });

  it("takes scratch near the largest live set, full and LoRA", () => {
    const plans = [false, true].map((isLora) => {
      const paper = new Device(nullBackend(softwareFacts));
      const config = { ...T5_DEFAULTS };
      if (!isLora) return trainerOf(paper, { config }).trainer.planOf({ rows: 8, source: 256, target: 64 }).micro;
      const lora = freshLora(paper, { ...LORA_DEFAULTS, rank: 8, alpha: 16 }, linearModules(t5Weights(config)), 1);
      const model = new T5(config, frozenT5(paper, config, "f32"));
      const trainer = new Trainer(paper, { model, lora, trainable: lora.parameters, learningRate: () => 1e-3, seed: 1 });
      return trainer.planOf({ rows: 8, source: 256, target: 64 }).micro;
    });
    for (const { scratchBytes, lowerBoundBytes, kernels } of plans) {
      expect(scratchBytes / lowerBoundBytes).toBeLessThan(1.1);
      // few texts: each costs about a second of a software adapter's compiler
      expect([...kernels.keys()].filter((name) => name.startsWith("elementwise/fused")).length).toBeLessThanOrEqual(8);
    }
  });
});
