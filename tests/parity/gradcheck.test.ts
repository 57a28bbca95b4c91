// Whole models of two layers: the device's gradient of the loss against central differences of a forward in double precision
// (forwardF64.ts), along random directions of all parameters at once and of each parameter by itself, with padding.
import { Opt, type OptConfig, optPositions, optWeights, T5, type T5Config, t5Weights } from "@attune/models";
import { affine, backward, type Device, parameter, reshape, sum, type Tensor, tensor } from "@attune/tensor";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { generator } from "@attune/tensor/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { optLoss, type Sequence, t5Loss, type Weights } from "./forwardF64.js";

const SMOOTHING = 0.1;
const STEP = 1e-5;

const T5_SIZES: T5Config = {
  vocabSize: 13, dModel: 10, dKv: 3, dFf: 7, numLayers: 2, numDecoderLayers: 2, numHeads: 2,
  relativeAttentionNumBuckets: 8, relativeAttentionMaxDistance: 6, dropoutRate: 0, layerNormEpsilon: 1e-6, initializerFactor: 1,
  feedForward: "relu", padTokenId: 0, eosTokenId: 1, decoderStartTokenId: 0, tieWordEmbeddings: true, scaleDecoderOutputs: true,
}; // biome-ignore format: few lines
const OPT_SIZES: OptConfig = {
  vocabSize: 13, hiddenSize: 12, numLayers: 2, ffnDim: 9, numHeads: 3, maxPositionEmbeddings: 8, doLayerNormBefore: true,
  removeFinalLayerNorm: false, wordEmbedProjDim: 12, dropout: 0, attentionDropout: 0, initStd: 0.02, padTokenId: 1, bosTokenId: 2, eosTokenId: 2,
}; // biome-ignore format: few lines

/** The second row is shorter: padding at its end, for OPT at its beginning. */
const T5_BATCH: Sequence[] = [
  { ids: [3, 5, 2, 7, 7, 9, 4, 1], mask: [1, 1, 1, 1, 1, 1, 1, 1], decoderIds: [0, 6, 8, 2, 5], labels: [6, 8, 2, 5, 1] },
  {
    ids: [11, 4, 1, 0, 0, 0, 0, 0],
    mask: [1, 1, 1, 0, 0, 0, 0, 0],
    decoderIds: [0, 12, 3, 0, 0],
    labels: [12, 3, 1, -100, -100],
  },
];
const OPT_BATCH: Sequence[] = [
  { ids: [2, 5, 3, 7, 7, 9], mask: [1, 1, 1, 1, 1, 1], labels: [-100, 3, 7, 7, 9, -100] },
  { ids: [1, 1, 2, 4, 8, 11], mask: [0, 0, 1, 1, 1, 1], labels: [-100, -100, 4, 8, 11, -100] },
];
const flat = (batch: readonly Sequence[], pick: (sequence: Sequence) => readonly number[]): Int32Array =>
  Int32Array.from(batch.flatMap(pick));

interface Model {
  name: string;
  specs: readonly { name: string; shape: readonly number[]; kind: string }[];
  /** Summed loss on the device, [] */
  run: (device: Device, weights: ReadonlyMap<string, Tensor>) => Tensor;
  reference: (weights: Weights) => number;
}

function t5(name: string, changes: Partial<T5Config>): Model {
  const config = { ...T5_SIZES, ...changes };
  return {
    name,
    specs: t5Weights(config),
    run: (device, weights) => {
      const model = new T5(config, weights);
      const mask = tensor(
        device,
        flat(T5_BATCH, (s) => s.mask),
        [2, 8],
      );
      const encoded = model.encode(
        tensor(
          device,
          flat(T5_BATCH, (s) => s.ids),
          [2, 8],
        ),
        mask,
      );
      const hidden = model.decode(
        tensor(
          device,
          flat(T5_BATCH, (s) => s.decoderIds!),
          [2, 5],
        ),
        encoded,
        mask,
      );
      const labels = tensor(
        device,
        flat(T5_BATCH, (s) => s.labels),
        [10],
      );
      return sum(model.losses(reshape(hidden, [10, config.dModel]), labels, { labelSmoothing: SMOOTHING }));
    },
    reference: (weights) => t5Loss(config, weights, T5_BATCH, SMOOTHING),
  };
}

function opt(name: string, changes: Partial<OptConfig>): Model {
  const config = { ...OPT_SIZES, ...changes };
  return {
    name,
    specs: optWeights(config),
    run: (device, weights) => {
      const mask = flat(OPT_BATCH, (s) => s.mask);
      const model = new Opt(config, weights);
      const hidden = model.decode({
        inputIds: tensor(
          device,
          flat(OPT_BATCH, (s) => s.ids),
          [2, 6],
        ),
        attentionMask: tensor(device, mask, [2, 6]),
        positionIds: tensor(device, optPositions(mask, 6), [2, 6]),
      });
      const labels = tensor(
        device,
        flat(OPT_BATCH, (s) => s.labels),
        [12],
      );
      return sum(model.losses(reshape(hidden, [12, config.wordEmbedProjDim]), labels, { labelSmoothing: SMOOTHING }));
    },
    reference: (weights) => optLoss(config, weights, OPT_BATCH, SMOOTHING),
  };
}

const MODELS = [
  t5("T5 1.0: relu, tied and scaled head", {}),
  t5("T5 1.1: gated gelu, a head of its own", {
    feedForward: "gated-gelu",
    tieWordEmbeddings: false,
    scaleDecoderOutputs: false,
  }),
  opt("OPT: norms first", {}),
  opt("OPT as the 350m: norms last, narrow embeddings", { doLayerNormBefore: false, wordEmbedProjDim: 8 }),
];

describe("the gradient of a whole model", () => {
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  it.each(MODELS)("$name", { timeout: 120_000 }, async ({ specs, run, reference }) => {
    const random = generator(7);
    const values = new Map(
      specs.map(({ name, shape, kind }): [string, Float64Array] => {
        const size = shape.reduce((product, length) => product * length, 1);
        const reach = kind === "linear" ? 1.5 / Math.sqrt(shape.at(-1)!) : 0.5;
        const center = kind === "norm" ? 1 : 0;
        return [name, Float64Array.from({ length: size }, () => Math.fround(center + reach * (2 * random() - 1)))];
      }),
    );
    const weights = new Map(
      specs.map(({ name, shape }) => [name, parameter(device, Float32Array.from(values.get(name)!), [...shape])]),
    );
    const loss = device.scope(() => {
      const total = run(device, weights);
      backward(total);
      return affine(total, 1);
    });
    const expected = reference(values);
    expect(Math.abs((await loss.item()) - expected) / expected).toBeLessThan(1e-5);

    const gradients = new Map<string, Float64Array>();
    for (const [name, weight] of weights) gradients.set(name, Float64Array.from(await weight.grad!.toArray()));
    const norm = (of: Iterable<Float64Array>): number => Math.sqrt([...of].flatMap((g) => [...g]).reduce((s, v) => s + v * v, 0));
    const whole = norm(gradients.values());
    expect(whole).toBeGreaterThan(0.1);

    /** |device - difference| along a random direction of +-1 in the named parameters, by the size that such a slope has. */
    const errorAlong = (names: readonly string[], size: number): number => {
      const directions = new Map(names.map((name) => [name, values.get(name)!.map(() => (random() < 0.5 ? -1 : 1))]));
      const at = (step: number): number =>
        reference(
          new Map(
            [...values].map(([name, v]) => [
              name,
              directions.has(name) ? v.map((x, i) => x + step * directions.get(name)![i]!) : v,
            ]),
          ),
        );
      const difference = (at(STEP) - at(-STEP)) / (2 * STEP);
      const slope = names.reduce(
        (s, name) => s + gradients.get(name)!.reduce((t, g, i) => t + g * directions.get(name)![i]!, 0),
        0,
      );
      return Math.abs(slope - difference) / size;
    };
    const all = [...values.keys()];
    for (let n = 0; n < 8; n++) expect(errorAlong(all, whole)).toBeLessThan(1e-4);
    const wrong = all.filter((name) => {
      const size = Math.max(norm([gradients.get(name)!]), 1e-4 * whole); // keys' biases have no gradient: softmax takes them off
      return !(errorAlong([name], size) < 1e-3);
    });
    expect(wrong).toEqual([]);
    for (const weight of weights.values()) weight.dispose();
    loss.dispose();
  });
});
