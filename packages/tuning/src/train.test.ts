// The loop's reports, and what it does when numbers are none.
import { freshT5, T5, T5_DEFAULTS } from "@attune/models";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MicroBatch } from "./microPrograms.js";
import { NumericsError, type StepReport, train } from "./train.js";
import { Trainer, type TrainerOptions } from "./trainer.js";

/** An untied head: a broken embedding is read only with its token. */
const CONFIG = {
  ...T5_DEFAULTS,
  tieWordEmbeddings: false,
  vocabSize: 64,
  dModel: 16,
  dKv: 8,
  dFf: 32,
  numLayers: 1,
  numDecoderLayers: 1,
  numHeads: 2,
};
/** A token that only the broken micro-batch has. */
const BROKEN = 63;

function batchOf(update: number, micro: number, first = 0): MicroBatch {
  const ids = (from: number): Int32Array => Int32Array.from({ length: 16 }, (_, i) => 2 + ((from + i * 31) % 59));
  const inputIds = ids(2 * update + micro);
  if (first) inputIds[0] = first;
  return {
    rows: 2, source: 8, target: 8, targetTokens: 16, realRows: 2, ids: [`row ${2 * update}.${micro}`, "the other"],
    inputIds, attentionMask: new Int32Array(16).fill(1), labels: ids(7 * update + micro),
  }; // biome-ignore format: few lines
}

let device: NodeDevice;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

function open(options: Partial<TrainerOptions> = {}) {
  const { weights, trainable } = freshT5(device, CONFIG, 1);
  const trainer = new Trainer(device, {
    model: new T5(CONFIG, weights),
    trainable: trainable!,
    learningRate: () => 1e-3,
    seed: 5,
    ...options,
  });
  const shared = weights.get("shared.weight")!;
  return {
    trainer,
    /** One value of the token's embedding becomes infinite: finite losses for all who do not read it. */
    breakToken: () => shared.write(Float32Array.of(Number.POSITIVE_INFINITY), 4 * BROKEN * CONFIG.dModel),
    weightsNow: async () => (await shared.toArray()).slice(),
    dispose() {
      trainer.dispose();
      trainer.scratch.dispose();
      trainable!.dispose();
    },
  };
}

const collect = async (reports: AsyncIterable<StepReport>): Promise<StepReport[]> => {
  const found: StepReport[] = [];
  for await (const report of reports) found.push(report);
  return found;
};
const updates = (count: number): MicroBatch[][] =>
  Array.from({ length: count }, (_, update) => [batchOf(update, 0), batchOf(update, 1)]);

it("reports the first update, every second, the ones asked for, and the last, with what went into them", async () => {
  const { trainer, dispose } = open();
  const reports = await collect(train(trainer, updates(6), { reportEvery: 4, reportAt: (step) => step === 3 }));
  expect(reports.map(({ step, updates }) => [step, updates])).toEqual([
    [1, 1],
    [3, 2],
    [4, 1],
    [6, 2],
  ]);
  for (const { updates, examples, tokens, targetTokens, flops } of reports) {
    expect([examples, tokens, targetTokens]).toEqual([4 * updates, 64 * updates, 32 * updates]);
    expect(flops).toBe(updates * reports[0]!.flops);
  }
  expect(reports[0]!.flops).toBeGreaterThan(2 * 64 * trainer.options.trainable.size); // at least a multiply-add a weight and position
  dispose();
});

it("does not count what its reader does between two reports", async () => {
  const { trainer, dispose } = open();
  let seconds = 0;
  for await (const report of train(trainer, updates(3), { reportEvery: 1 })) {
    if (report.step > 1) seconds += report.seconds;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(seconds).toBeLessThan(0.3);
  dispose();
});

describe("a loss that is no number", () => {
  const withFault = (count: number, at: number): MicroBatch[][] =>
    updates(count).map((batches, update) => (update === at ? [batches[0]!, batchOf(update, 1, BROKEN)] : batches));

  it("stops before the optimizer writes, and names update, micro-batch and rows", async () => {
    const { trainer, breakToken, weightsNow, dispose } = open({ dropout: 0.1 });
    breakToken();
    const thrown = await collect(train(trainer, withFault(9, 4), { reportEvery: 8 })).catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(NumericsError);
    expect((thrown as Error).message).toMatch(
      /^the loss is NaN at update 5 in micro-batch 2 of 2 \(gradient norm NaN, first of [\w.]+: NaN at \d+ and at \d+ more of its \d+\); the weights are those after update 4\. In it: row 8\.1, the other\. Now lower train\.lr \(1\.00e-3 now\) or look at these rows; ATTUNE_DEBUG=5 names/,
    );
    const stopped = await weightsNow();
    dispose();

    const good = open({ dropout: 0.1 });
    good.breakToken();
    await collect(train(good.trainer, updates(4)));
    expect(stopped).toEqual(await good.weightsNow());
    good.dispose();
  });

  it("is passed over as often as is allowed: weights skip that update, and the report says so", async () => {
    const { trainer, breakToken, weightsNow, dispose } = open({ skipNonFinite: true });
    breakToken();
    const before = await weightsNow();
    const reports = await collect(train(trainer, withFault(4, 2), { reportEvery: 1, maxSkipped: 1 }));
    expect(reports.map(({ step, skipped }) => [step, skipped])).toEqual([
      [1, 0],
      [2, 0],
      [3, 1],
      [4, 1],
    ]);
    expect(reports.map(({ loss }) => Number.isFinite(loss))).toEqual([true, true, false, true]);
    expect((await trainer.counters()).good).toBe(3);
    const finite = (await weightsNow()).filter((_, i) => Math.floor(i / CONFIG.dModel) !== BROKEN);
    expect(finite.every(Number.isFinite)).toBe(true);
    expect(finite).not.toEqual(before.filter((_, i) => Math.floor(i / CONFIG.dModel) !== BROKEN));
    dispose();
  });

  it("ends the run at one more than is allowed, and names what is in it", async () => {
    const { trainer, breakToken, dispose } = open({ skipNonFinite: true });
    breakToken();
    const faults = withFault(8, 2).map((batches, update) => (update === 5 ? withFault(8, 5)[5]! : batches));
    await expect(collect(train(trainer, faults, { reportEvery: 4, maxSkipped: 1 }))).rejects.toThrow(
      /^the loss is NaN at update 6 in micro-batch 2 of 2 .*; 1 of updates 5 to 8 were refused and left the weights as they were; train\.skipNonFinite allows 1, and these are 2\. In it: row 10\.1/,
    );
    dispose();
  });

  it("makes a loss scale halve, and stops when there is nothing left to halve", async () => {
    const { trainer, breakToken, dispose } = open({ lossScale: { initial: 2 ** -18 } });
    breakToken();
    const always = Array.from({ length: 4 }, (_, i) => [batchOf(i, 0, BROKEN)]);
    await expect(collect(train(trainer, always, { reportEvery: 1 }))).rejects.toThrow(
      /^the loss is NaN at update 3 \(gradient norm NaN, first of .*1 of updates 3 to 3 were refused/,
    );
    dispose();
  });
});
