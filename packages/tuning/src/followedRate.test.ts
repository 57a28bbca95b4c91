// The numbers are transformers' 5.18 (get_scheduler with the same keyword arguments over torch's ReduceLROnPlateau, and its own GreedyLR).
import { expect, it } from "vitest";
import { type Following, followedRate } from "./followedRate.js";

const SOME = [3, 2.5, 2.4999, 2.6, 2.4, 2.4, 2.41, 2.42, 2.2, 2.2001, 2.3, 2.1999];
const FALLS_AND_RISES = [3, 2.9, 2.8, 2.7, 2.6, 2.7, 2.8, 2.9, 3, 3.1, 3.2, 2.5, 2.4, 2.3];

it.each<[Partial<Following> & Pick<Following, "kind">, readonly number[], readonly number[]]>([
  [
    { kind: "reduceLrOnPlateau", patience: 1, factor: 0.5 },
    SOME,
    [0.01, 0.01, 0.01, 0.005, 0.005, 0.005, 0.0025, 0.0025, 0.0025, 0.0025, 0.00125, 0.00125],
  ],
  [
    { kind: "reduceLrOnPlateau", patience: 0, cooldown: 2, minLr: 1e-4 },
    SOME,
    [0.01, 0.01, 0.001, 0.001, 0.001, 0.0001, 0.0001, 0.0001, 0.0001, 0.0001, 0.0001, 0.0001],
  ],
  [
    { kind: "reduceLrOnPlateau", patience: 1, factor: 0.5, threshold: 0.05, thresholdMode: "abs" },
    SOME,
    [0.01, 0.01, 0.01, 0.005, 0.005, 0.005, 0.0025, 0.0025, 0.0025, 0.0025, 0.00125, 0.00125],
  ],
  [
    { kind: "reduceLrOnPlateau", patience: 0, factor: 0.5, greaterIsBetter: true },
    [0.1, 0.2, 0.15, 0.3, 0.3, 0.2, 0.31],
    [0.01, 0.01, 0.005, 0.005, 0.0025, 0.00125, 0.00125],
  ],
  [
    { kind: "greedy", patience: 1, factor: 0.5, maxLr: 0.1 },
    FALLS_AND_RISES,
    [0.01, 0.02, 0.02, 0.04, 0.04, 0.04, 0.02, 0.02, 0.01, 0.01, 0.005, 0.005, 0.01, 0.01],
  ],
  [
    { kind: "greedy", patience: 0, factor: 0.8, minLr: 0.004, maxLr: 0.02, cooldown: 1, warmup: 2 },
    FALLS_AND_RISES,
    [0.0125, 0.0125, 0.0125, 0.015625, 0.015625, 0.015625, 0.0125, 0.0125, 0.01, 0.01, 0.008, 0.008, 0.01, 0.01],
  ],
  [
    { kind: "greedy", patience: 0, factor: 0.5, minLr: 0.002, resetStart: 2 },
    [3, 3.1, 3.2, 3.3, 3.4, 3.5, 3.6, 3.7, 2, 1.9],
    [0.02, 0.01, 0.005, 0.0025, 0.002, 0.01, 0.02, 0.01, 0.02, 0.04],
  ],
  [
    { kind: "greedy", patience: 0, factor: 0.9, windowSize: 2 },
    [3, 2, 3.5, 3, 2, 1, 4, 2, 1],
    [0.0111111111, 0.012345679, 0.0111111111, 0.01, 0.009, 0.01, 0.009, 0.0081, 0.00729],
  ],
  [
    { kind: "greedy", patience: 0, factor: 0.9, threshold: 0.1, thresholdMode: "rel", greaterIsBetter: true },
    [0.1, 0.105, 0.2, 0.21, 0.3, 0.1, 0.5],
    [0.0111111111, 0.01, 0.0111111111, 0.01, 0.0111111111, 0.01, 0.0111111111],
  ],
])("%j", (options, values, expected) => {
  const following = { learningRate: 0.01, greaterIsBetter: false, ...options };
  expect(followedRate(following, [])).toBe(0.01);
  const rates = values.map((_, i) => followedRate(following, values.slice(0, i + 1)));
  rates.forEach((rate, i) => void expect(rate, `after ${i + 1}`).toBeCloseTo(expected[i]!, 9));
});

it("takes a loss that is no number for no improvement", () => {
  const following = { kind: "reduceLrOnPlateau", learningRate: 1, greaterIsBetter: false, patience: 0, factor: 0.5 } as const;
  expect(followedRate(following, [Number.NaN, 2, Number.NaN])).toBe(0.25);
});
