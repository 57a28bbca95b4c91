import { describe, expect, test } from "vitest";
import { budgetText, fitText } from "../commands/plan.js";
import type { Run } from "../run/schema.js";
import { diskPlan, freeBytesAt, parseBytes } from "./planDisk.js";
import { candidates } from "./planFit.js";
import { totalSeconds } from "./planTime.js";

describe("disk space", () => {
  const sizes = { checkpointBytes: 100, parameters: 50, trainableParameters: 5, updates: 1000 };
  const save = { every: 100, keep: 2, dtype: "bf16" } as Run["save"];
  const lora = {} as Run["lora"];
  test.each([
    ["the newest two, and the next while it is written; an adapter in f32", { save, lora }, sizes, 3, 20, 320],
    ["a whole model in its type", { save, lora: null }, sizes, 3, 100, 400],
    ["fewer are saved than stay", { save, lora }, { ...sizes, updates: 150 }, 2, 20, 220],
    ["only one where the run is interrupted", { save: { ...save, every: null }, lora }, sizes, 1, 20, 120],
  ])("%s", (_, run, given, checkpoints, resultBytes, peakBytes) => {
    expect(diskPlan(run, given)).toEqual({ checkpointBytes: 100, checkpoints, resultBytes, peakBytes });
  });

  test("what is free is asked of the nearest folder that is there", async () => {
    const here = await freeBytesAt(".");
    expect(here).toBeGreaterThan(0);
    expect(await freeBytesAt("none/of/these")).toBeGreaterThan(0);
  });

  test("sizes as people write them", () => {
    const found = ["8GiB", "500 MB", "1.5g", "2KiB", "7", "1 TB"].map(parseBytes);
    expect(found).toEqual([8 * 2 ** 30, 5e8, 1.5 * 2 ** 30, 2048, 7, 1e12]);
    expect(["", "GiB", "-1G", "1,5G", "8 gigs", "1e9"].map(parseBytes)).toEqual(Array(6).fill(null));
  });
});

describe("time from two measured updates", () => {
  const totals = { updates: 10, totalFlops: 3000 };
  test("a line through both: a part of every update, a part by FLOPs", () => {
    // 1 s and 0.01 s a FLOP
    const points = [
      { flops: 100, seconds: 2 },
      { flops: 500, seconds: 6 },
    ];
    expect(totalSeconds(points, totals)).toBeCloseTo(10 * 1 + 3000 * 0.01, 9);
  });
  test.each([
    ["alike", 290, 310, 3, 3.2],
    ["the small one slower, by noise", 100, 500, 6, 2],
    ["a line that would begin below 0", 100, 500, 0.5, 6],
  ])("in proportion where it is %s", (_, small, large, first, second) => {
    const points = [
      { flops: small, seconds: first },
      { flops: large, seconds: second },
    ];
    expect(totalSeconds(points, totals)).toBeCloseTo((3000 * (first + second)) / (small + large), 9);
  });
});

describe("what would fit", () => {
  const train = { batch: 8, accumulate: 3, gradientCheckpointing: false } as Run["train"];
  test("smaller batches of as many rows, then blocks computed again", () => {
    const tried = candidates({ train });
    expect(tried.map(({ batch, accumulate }) => batch * accumulate)).toEqual(Array(7).fill(24));
    expect(tried.map(({ batch }) => batch)).toEqual([4, 2, 1, 8, 4, 2, 1]);
    expect(tried.map(({ gradientCheckpointing }) => gradientCheckpointing)).toEqual([
      false,
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
    expect(candidates({ train: { ...train, batch: 1, gradientCheckpointing: true } })).toEqual([]);
  });

  test("and whether it does is always said, as far as anyone can know", () => {
    const plan = { peakDeviceBytes: 2 ** 22 };
    expect(budgetText(plan, { bytes: 2 ** 23, what: "free on this machine" }, undefined)).toMatch(
      /^\S*fits\S*: 4\.00 MiB of 8\.00 MiB, free on this machine$/,
    );
    expect(budgetText(plan, { bytes: 2 ** 21, what: "" }, null)).toMatch(/does not fit/);
    expect(budgetText(plan, null, undefined)).toMatch(/not known: say it with --budget/);
  });

  test("is said as overrides", () => {
    const fit = { batch: 2, accumulate: 12, gradientCheckpointing: true, peakDeviceBytes: 2 ** 20 };
    expect(fitText({ peakDeviceBytes: 2 ** 22 }, 2 ** 21, fit)).toMatch(
      /does not fit.*: 4\.00 MiB of 2\.00 MiB; train\.batch=2 train\.accumulate=12 train\.gradientCheckpointing=true would, with 1\.00 MiB/,
    );
    expect(fitText({ peakDeviceBytes: 2 ** 22 }, 2 ** 21, null)).toMatch(/not with a batch of one either/);
  });
});
