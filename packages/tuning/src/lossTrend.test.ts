import { describe, expect, it } from "vitest";
import { NOTHING_SMOOTHED, SMOOTHING_BETA, smooth, smoothed, watchSpikes } from "./lossTrend.js";

describe("the smoothed loss", () => {
  it("is the mean of all losses weighed by beta^age", () => {
    const losses = [4, 3, 5, 1];
    const weights = losses.map((_, i) => SMOOTHING_BETA ** (losses.length - 1 - i));
    const expected = losses.reduce((sum, x, i) => sum + weights[i]! * x, 0) / weights.reduce((a, b) => a + b, 0);
    const found = losses.reduce((state, x) => smooth(state, x, 1), NOTHING_SMOOTHED);
    expect(smoothed(found)).toBeCloseTo(expected, 12);
    expect(smoothed(smooth(NOTHING_SMOOTHED, 4, 1))).toBeCloseTo(4, 12); // not drawn to 0 at the start
  });
  it("is the same whether ten updates of one loss are reported at once or one by one", () => {
    const start = smooth(NOTHING_SMOOTHED, 7, 3);
    let one = start;
    for (let i = 0; i < 10; i++) one = smooth(one, 2, 1);
    expect(smoothed(smooth(start, 2, 10))).toBeCloseTo(smoothed(one), 12);
  });
  it("leaves out what is no number", () => {
    expect(smooth({ sum: 1, weight: 0.5 }, Number.NaN, 5)).toEqual({ sum: 1, weight: 0.5 });
    expect(smoothed(NOTHING_SMOOTHED)).toBeNaN();
  });
});

describe("spikes", () => {
  const noise = (i: number): number => 2 + 0.1 * Math.sin(7 * i);
  const told = (losses: readonly number[]): number[] => {
    const watch = watchSpikes();
    return losses.flatMap((loss, i) => (watch(loss) ? [i] : []));
  };
  const quiet = Array.from({ length: 30 }, (_, i) => noise(i));

  it("are told once each", () => {
    expect(told([...quiet, 9, 8, 7, ...quiet.slice(0, 5), 9, 2])).toEqual([30, 38]);
    const watch = watchSpikes();
    for (const loss of quiet) watch(loss);
    const spike = watch(9)!;
    expect(spike.mean).toBeCloseTo(2, 1);
    expect(spike.z).toBeGreaterThan(50);
  });
  it("are neither noise, nor a fall, nor the first reports, nor a tiny rise of an even loss", () => {
    expect(told(quiet)).toEqual([]);
    expect(told([...quiet, 0.1, 0.1, 0.2])).toEqual([]);
    expect(told([9, 2, 9, 2])).toEqual([]);
    expect(told([...Array.from({ length: 20 }, () => 2), 2.05])).toEqual([]);
  });
  it("become the level where they stay", () => {
    const high = Array.from({ length: 60 }, (_, i) => noise(i) + 5);
    expect(told([...quiet, ...high, 20])).toEqual([30, 90]);
  });
});
