// Scores of completions against log-softmax of the models' own logits, one completion at a time and without padding.
import { noGrad, tensor } from "@attune/tensor";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OPT_DEFAULTS } from "./opt/config.js";
import { freshOpt } from "./opt/load.js";
import { Opt, optPositions } from "./opt/opt.js";
import { type Completion, scoreCompletions } from "./scoring.js";
import { T5_DEFAULTS } from "./t5/config.js";
import { freshT5 } from "./t5/load.js";
import { shiftRight, T5 } from "./t5/t5.js";

let device: NodeDevice;
let t5: T5;
let opt: Opt;
const held: { dispose(): void }[] = [];
beforeAll(async () => {
  device = await openDevice();
  const sizes = { vocabSize: 37, dModel: 16, dKv: 4, dFf: 20, numLayers: 1, numDecoderLayers: 1, numHeads: 2, dropoutRate: 0 };
  const freshT = freshT5(device, { ...T5_DEFAULTS, ...sizes }, 1);
  const small = { vocabSize: 37, hiddenSize: 16, wordEmbedProjDim: 16, numLayers: 1, ffnDim: 20, numHeads: 2 };
  const freshO = freshOpt(device, { ...OPT_DEFAULTS, ...small, maxPositionEmbeddings: 24 }, 2);
  held.push(freshT.trainable!, freshO.trainable!);
  t5 = new T5(freshT.config, freshT.weights);
  opt = new Opt(freshO.config, freshO.weights);
});
afterAll(() => {
  for (const one of held) one.dispose();
  device.destroy();
});

const COMPLETIONS: Completion[] = [
  { prompt: [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], completion: [20, 1] },
  { prompt: [2, 6], completion: [21, 22, 23, 24, 25, 26, 27, 28, 29, 1] },
  { prompt: [2], completion: [30] },
  { prompt: [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], completion: [20, 36, 1] },
];

/** log p of each completion token from logits [time, vocab] whose row `first` gives the first of them. */
function logProbabilities(logits: ArrayLike<number>, first: number, completion: readonly number[]): number[] {
  return completion.map((id, i) => {
    const row = Array.from({ length: 37 }, (_, k) => logits[(first + i) * 37 + k]!);
    const most = Math.max(...row);
    return row[id]! - most - Math.log(row.reduce((sum, value) => sum + Math.exp(value - most), 0));
  });
}

const i32 = (ids: ArrayLike<number>) => tensor(device, Int32Array.from(ids), [1, ids.length]);

function expectScores(found: { logProbability: number; tokens: Float64Array }[], expected: number[][]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach(({ logProbability, tokens }, k) => {
    expect([...tokens]).toEqual(expected[k]!.map((value) => expect.closeTo(value, 4)));
    expect(logProbability).toBeCloseTo(
      expected[k]!.reduce((sum, value) => sum + value, 0),
      3,
    );
  });
}

describe("scoreCompletions", () => {
  it("equals T5's own logits, whatever the batch", async () => {
    const expected: number[][] = [];
    for (const { prompt, completion } of COMPLETIONS) {
      const decoderInputIds = i32(shiftRight(Int32Array.from(completion), completion.length, t5.config));
      const logits = device.scope(() => noGrad(() => t5.forward({ inputIds: i32(prompt), decoderInputIds })));
      expected.push(logProbabilities((await logits.toArray()) as Float32Array, 0, completion));
    }
    const progress: number[] = [];
    expectScores(
      await scoreCompletions(device, t5, COMPLETIONS, { batch: 3, onProgress: (done) => progress.push(done) }),
      expected,
    );
    expect(progress).toEqual([3, 4]);
    expectScores(await scoreCompletions(device, t5, [...COMPLETIONS].reverse()), [...expected].reverse());
  });

  it("equals OPT's own logits, and refuses what its positions cannot hold", async () => {
    const expected: number[][] = [];
    for (const { prompt, completion } of COMPLETIONS) {
      const ids = [...prompt, ...completion];
      const positionIds = i32(optPositions(new Int32Array(ids.length).fill(1), ids.length));
      const logits = device.scope(() => noGrad(() => opt.forward({ inputIds: i32(ids), positionIds })));
      expected.push(logProbabilities((await logits.toArray()) as Float32Array, prompt.length - 1, completion));
    }
    expectScores(await scoreCompletions(device, opt, COMPLETIONS, { batch: 3 }), expected);
    const long = { prompt: Array<number>(20).fill(5), completion: [1, 2, 3, 4, 5] };
    await expect(scoreCompletions(device, opt, [long])).rejects.toThrow("a sequence has 25 tokens");
  });

  it("keeps nothing, and refuses what has no tokens", async () => {
    const before = device.memory.liveBytes;
    await scoreCompletions(device, t5, COMPLETIONS);
    expect(device.memory.liveBytes).toBe(before);
    expect(await scoreCompletions(device, t5, [])).toEqual([]);
    await expect(scoreCompletions(device, t5, [{ prompt: [1], completion: [] }])).rejects.toThrow("no tokens in its completion");
    await expect(scoreCompletions(device, opt, [{ prompt: [], completion: [1] }])).rejects.toThrow("no tokens in its prompt");
  });
});
