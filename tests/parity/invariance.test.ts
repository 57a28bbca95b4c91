// How rows are cut into batches, padded or packed is a matter of speed alone: the same update gives the same loss and gradient.

import { generator } from "@attune/kernels-wgsl/testing";
import {
  type Batch,
  collate,
  collateCausal,
  freshOpt,
  freshT5,
  OPT_DEFAULTS,
  Opt,
  T5,
  T5_DEFAULTS,
  type TokenizedExample,
} from "@attune/models";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { Evaluator, type MicroBatch, Trainer } from "@attune/tuning";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const VOCAB = 64;
const ROWS = 8;
const LOSS_BOUND = 1e-6; // relative
const GRADIENT_BOUND = 5e-6; // ||a - b|| / ||b||

const random = generator(11);
const ids = (count: number): number[] => Array.from({ length: count }, () => 3 + Math.floor(random() * (VOCAB - 3)));
/** Labels of unequal lengths, so that a mean of means would differ. */
const examples: TokenizedExample[] = Array.from({ length: ROWS }, (_, i) => ({
  id: String(i),
  inputIds: ids(4 + ((5 * i) % 9)),
  labels: ids(1 + ((3 * i) % 7)),
  isSourceCut: false,
  isTargetCut: false,
}));
/** Decoder-only: a prompt that does not count, and what is learnt. */
const sequences = examples.map((example): TokenizedExample => {
  const inputIds = [2, ...example.inputIds, ...example.labels];
  return { ...example, inputIds, labels: [...[2, ...example.inputIds].map(() => -100), ...example.labels] };
});

const cut = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: items.length / size }, (_, i) => items.slice(i * size, (i + 1) * size));

const KINDS = {
  t5: {
    batch: (rows: readonly TokenizedExample[], more = 0): Batch =>
      collate(rows, { rows: rows.length, source: 16 + more, target: 8 + more }, 0),
    rows: examples,
    open(device: NodeDevice) {
      const config = {
        ...T5_DEFAULTS,
        vocabSize: VOCAB,
        dModel: 16,
        dKv: 8,
        dFf: 32,
        numLayers: 2,
        numDecoderLayers: 2,
        numHeads: 2,
      };
      const { weights, trainable } = freshT5(device, config, 1);
      return { model: new T5(config, weights), trainable: trainable! };
    },
  },
  opt: {
    batch: (rows: readonly TokenizedExample[], more = 0): Batch =>
      collateCausal(rows, { rows: rows.length, length: 24 + more }, 1),
    rows: sequences,
    open(device: NodeDevice) {
      const config = {
        ...OPT_DEFAULTS,
        vocabSize: VOCAB,
        hiddenSize: 16,
        wordEmbedProjDim: 16,
        ffnDim: 32,
        numLayers: 2,
        numHeads: 2,
      };
      const { weights, trainable } = freshOpt(device, config, 1);
      return { model: new Opt(config, weights), trainable: trainable! };
    },
  },
} as const;

/** All rows in one line behind one another, each its own segment; the first label of each does not count, as nothing comes before it. */
function packed(rows: readonly TokenizedExample[], length: number): MicroBatch {
  const batch = {
    rows: 1,
    source: length,
    target: length,
    inputIds: new Int32Array(length).fill(1),
    attentionMask: new Int32Array(length),
    labels: new Int32Array(length).fill(-100),
    segments: new Int32Array(length).fill(-1),
    targetTokens: 0,
  };
  let at = 0;
  rows.forEach(({ inputIds, labels }, segment) => {
    batch.inputIds.set(inputIds, at);
    batch.labels.set(labels, at);
    batch.attentionMask.fill(1, at, at + inputIds.length);
    batch.segments.fill(segment, at, at + inputIds.length);
    batch.targetTokens += labels.slice(1).filter((label) => label >= 0).length;
    at += inputIds.length;
  });
  return batch;
}

describe.each(["t5", "opt"] as const)("%s", (kind) => {
  const { batch, rows, open } = KINDS[kind];
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  /** Loss and gradient of one update made of these micro-batches. */
  async function update(batches: readonly MicroBatch[], skipsIgnored = true) {
    const { model, trainable } = open(device);
    const trainer = new Trainer(device, { model, trainable, learningRate: () => 1e-3, seed: 1, skipsIgnored });
    trainer.update(batches);
    const { loss } = await trainer.readLoss(1);
    const { grad } = trainable.ranges[0]!;
    const gradient = new Float32Array(await device.read(grad, grad.bytes));
    trainer.dispose();
    trainer.scratch.dispose();
    trainable.dispose();
    return { loss, gradient };
  }

  const norm = (values: Float32Array): number => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

  async function expectSame(batches: readonly MicroBatch[], skipsIgnored?: boolean) {
    const [expected, found] = [await update([batch(rows)]), await update(batches, skipsIgnored)];
    expect(Math.abs(found.loss - expected.loss) / expected.loss).toBeLessThan(LOSS_BOUND);
    const difference = found.gradient.map((value, i) => value - expected.gradient[i]!);
    expect(norm(difference) / norm(expected.gradient)).toBeLessThan(GRADIENT_BOUND);
    expect(norm(expected.gradient)).toBeGreaterThan(1e-3);
  }

  it.each([4, 2, 1])("8 rows are as many of %i accumulated", async (size) => {
    await expectSame(cut(rows, size).map((some) => batch(some)));
  });

  it("more padding changes nothing", async () => {
    await expectSame([batch(rows, 13)]);
  });

  it("computing the vocabulary for ignored rows too changes nothing", async () => {
    await expectSame([batch(rows)], false);
  });

  it("the loss of an evaluation is that of training without dropout, whatever the batches", async () => {
    const { model, trainable } = open(device);
    const evaluator = new Evaluator(device, model);
    const { loss: expected } = await update([batch(rows)]);
    for (const size of [8, 2]) {
      const found = await evaluator.loss(cut(rows, size).map((some) => batch(some)));
      expect(Math.abs(found.loss - expected) / expected).toBeLessThan(LOSS_BOUND);
      expect(found.tokens).toBe(batch(rows).targetTokens);
      expect(found.perplexity).toBeCloseTo(Math.exp(expected), 3);
      // transformers' mean of means is another number, unless there is one batch
      if (size === 8) expect(found.meanOfBatches).toBeCloseTo(found.loss, 6);
      else expect(Math.abs(found.meanOfBatches - found.loss)).toBeGreaterThan(1e-5);
    }
    expect(await evaluator.loss([])).toMatchObject({ tokens: 0, loss: Number.NaN });
    evaluator.dispose();
    trainable.dispose();
  });

  if (kind === "opt") {
    it("rows packed into one sequence are the rows apart", async () => {
      const length = rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
      await expectSame([packed(rows, length + 5)]);
      await expectSame(cut(rows, 4).map((some) => packed(some, length)));
    });
  }
});
