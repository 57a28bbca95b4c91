import { softwareFacts } from "@attune/kernels-wgsl";
import { Device, nullBackend } from "@attune/tensor";
import { expect, it } from "vitest";
import { OPT_DEFAULTS } from "./opt/config.js";
import { freshOpt } from "./opt/load.js";
import { Opt } from "./opt/opt.js";
import { capacityFor, countedRows, trainingModel } from "./training.js";

it("only rows whose label counts are picked, in few capacities", () => {
  const labels = Int32Array.from({ length: 40 }, (_, i) => (i % 5 === 0 ? i : -100));
  const counted = countedRows(labels)!;
  expect(counted.capacity).toBe(8);
  expect([...counted.indices]).toEqual([0, 5, 10, 15, 20, 25, 30, 35]);
  expect([...counted.labels]).toEqual([0, 5, 10, 15, 20, 25, 30, 35]);
  expect(counted.inverse.filter((place) => place >= 0)).toHaveLength(8);
  expect([...counted.indices].every((row, place) => counted.inverse[row] === place)).toBe(true);
  expect(countedRows(labels.map(() => 1))).toBeNull();
  expect([capacityFor(0, 1000), capacityFor(500, 1000), capacityFor(999, 1000)]).toEqual([8, 512, 1000]);
});

it("a sequence longer than OPT's positions is refused", () => {
  const paper = new Device(nullBackend(softwareFacts));
  const sizes = { vocabSize: 20, hiddenSize: 8, wordEmbedProjDim: 8, ffnDim: 8, numLayers: 1, numHeads: 1 };
  const config = { ...OPT_DEFAULTS, ...sizes, maxPositionEmbeddings: 4 };
  const model = trainingModel(new Opt(config, freshOpt(paper, config, 1).weights));
  const ids = new Int32Array(5).fill(3);
  const batch = { inputIds: ids, labels: ids, attentionMask: ids.map(() => 1), rows: 1, source: 5, target: 5, targetTokens: 4 };
  expect(() => model.arrays(batch)).toThrow(/has 5 tokens, and the model's positions end at 4/);
});
