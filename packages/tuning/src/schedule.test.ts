import { describe, expect, it } from "vitest";
import {
  type Schedule,
  type ScheduleKind,
  scheduleFactor,
  scheduleTable,
  totalSteps,
  updatesPerEpoch,
  warmupSteps,
} from "./schedule.js";

const factors = (kind: ScheduleKind, more: Partial<Schedule> = {}) =>
  Array.from({ length: 10 }, (_, t) => scheduleFactor({ kind, learningRate: 1, warmupSteps: 2, totalSteps: 10, ...more }, t));

describe("schedules equal transformers' (warm-up 2 of 10)", () => {
  it.each<[ScheduleKind, number[], Partial<Schedule>?]>([
    ["linear", [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]],
    ["cosine", [0, 0.5, 1, 0.96194, 0.853553, 0.691342, 0.5, 0.308658, 0.146447, 0.03806]],
    ["constant", [0, 0.5, 1, 1, 1, 1, 1, 1, 1, 1]],
    ["cosineWithRestarts", [0, 0.5, 1, 0.853553, 0.5, 0.146447, 1, 0.853553, 0.5, 0.146447], { cycles: 2 }],
    ["inverseSqrt", [0, 0.5, 1, 0.816497, Math.SQRT1_2, 0.632456, 0.57735, 0.534522, 0.5, 0.471405]],
    ["cosineWithMinLr", [0, 0.5, 1, 0.965746, 0.868198, 0.722208, 0.55, 0.377792, 0.231802, 0.134254], { minLrRatio: 0.1 }],
    ["polynomial", [0, 0.5, 1, 0.765625, 0.5625, 0.390625, 0.25, 0.140625, 0.0625, 0.015625], { power: 2, lrEnd: 0 }],
    ["warmupStableDecay", [0, 0.5, 1, 1, 1, 1, 1, 0.853553, 0.5, 0.146447], { decaySteps: 4 }],
    // transformers 5.18, warm-up 3 where it says so
    ["cosine", [0, 0.5, 1, 0.853553, 0.5, 0.146447, 0, 0.146447, 0.5, 0.853553], { cycles: 1 }],
    [
      "cosineWithMinLr",
      [0, 0.5, 1, 0.753073, 0.317157, 0.230448, 0.6, 0.969552, 0.882843, 0.446927],
      { minLrRatio: 0.2, cycles: 1.5 },
    ],
    [
      "cosineWarmupWithMinLr",
      [0.5, 1, 0.965746, 0.868198, 0.722208, 0.55, 0.377792, 0.231802, 0.134254, 0.1],
      { minLrRatio: 0.1 },
    ],
    [
      "cosineWarmupWithMinLr",
      [0.25, 0.625, 1, 0.955436, 0.83057, 0.650134, 0.449866, 0.26943, 0.144564, 0.1],
      { minLrRatio: 0.1, warmupLrRatio: 0.25, warmupSteps: 3 },
    ],
    [
      "warmupStableDecay",
      [0.1, 0.4, 0.7, 1, 1, 1, 1, 0.868198, 0.55, 0.231802],
      { decaySteps: 4, minLrRatio: 0.1, warmupSteps: 3 },
    ],
    [
      "warmupStableDecay",
      [0, 0.25, 0.75, 1, 1, 1, 1, 0.75, 0.5, 0.25],
      { decaySteps: 4, decayType: "linear", warmupType: "cosine", warmupSteps: 3 },
    ],
    [
      "warmupStableDecay",
      [0, 0.183503, 0.42265, 1, 1, 1, 1, 0.5, 0.292893, 0.133975],
      { decaySteps: 4, decayType: "1-sqrt", warmupType: "1-sqrt", warmupSteps: 3 },
    ],
    ["inverseSqrt", [0, 0.5, 1, 0.894427, 0.816497, 0.755929, Math.SQRT1_2, 0.666667, 0.632456, 0.603023], { timescale: 4 }],
  ])("%s", (kind, expected, more) => {
    factors(kind, more).forEach((factor, t) => void expect(factor).toBeCloseTo(expected[t]!, 5));
  });

  it("ends at 0 and stays there", () => {
    for (const kind of ["linear", "cosine"] as const) {
      expect(scheduleFactor({ kind, learningRate: 1, warmupSteps: 0, totalSteps: 4 }, 4)).toBeCloseTo(0, 12);
      expect(scheduleFactor({ kind, learningRate: 1, warmupSteps: 0, totalSteps: 4 }, 0)).toBe(1);
    }
    expect(scheduleFactor({ kind: "linear", learningRate: 1, warmupSteps: 0, totalSteps: 4 }, 9)).toBe(0);
    expect(scheduleFactor({ kind: "linear", learningRate: 1, warmupSteps: 8, totalSteps: 4 }, 3)).toBe(0.375); // warm-up longer than the run
  });

  it("reproduces the golden run: cosine, lr 0.005, warm-up 3 of 30", () => {
    const table = scheduleTable({ kind: "cosine", learningRate: 0.005, warmupSteps: 3, totalSteps: 30 });
    expect(table.length).toBe(30);
    [0, 0.0016666666666666666, 0.003333333333333333, 0.005, 0.004983095894354857].forEach(
      (lr, t) => void expect(table[t]).toBe(Math.fround(lr)),
    );
  });
});

describe("steps", () => {
  it("rounds a share of the run up, a count down (101 steps, 0.03: 4)", () => {
    expect([warmupSteps(0.03, 101), warmupSteps(0, 101), warmupSteps(2.9, 101), warmupSteps(1, 101)]).toEqual([4, 0, 2, 1]);
    expect(() => warmupSteps(-1, 10)).toThrow(/warmup is -1/);
    expect(() => warmupSteps(Number.NaN, 10)).toThrow(/warmup/);
  });

  it("counts the smaller last group", () => {
    expect([updatesPerEpoch(10, 4), updatesPerEpoch(1, 8), totalSteps(3, 10, 4), totalSteps(0.5, 10, 4)]).toEqual([3, 1, 9, 2]);
  });
});
