import { describe, expect, it } from "vitest";
import type { Run } from "../run/schema.js";
import type { TrainingData } from "./data.js";
import { checkUpdates, realBatch } from "./updates.js";

const run = (warmup: number, every: number | null) => ({ train: { warmup }, eval: { every } }) as Run;
const data = (totalSteps: number, isHeld = true) =>
  ({ totalSteps, held: isHeld ? [{}] : [] }) as unknown as Pick<TrainingData, "totalSteps" | "held">;

describe("54: updates that there are not", () => {
  it("are named together", () => {
    expect(() => checkUpdates(run(50, 100), data(42))).toThrow(
      /^train\.warmup: is 50 updates, and the run has 42 updates: .*\neval\.every: is 100 updates, and the run has 42 updates/,
    );
    expect(() => checkUpdates(run(42, null), data(42))).toThrow(/train\.warmup: is 42 updates/);
  });
  it.each<[number, number | null, number, boolean]>([
    [41, 42, 42, true],
    [0.1, 0.5, 1, true],
    [0, null, 1, true],
    [0.1, 100, 42, false], // nothing is evaluated
  ])("warmup %s and eval.every %s of %s updates are right", (warmup, every, total, isHeld) =>
    expect(checkUpdates(run(warmup, every), data(total, isHeld))).toBeUndefined(),
  );
});

describe("40, 55: the real size of an update", () => {
  const told = (batch: number, accumulate: number, rows: number) =>
    realBatch({ train: { batch, accumulate } } as Run, rows, Math.ceil(rows / batch)).join();
  it.each<[number, number, number, RegExp | ""]>([
    [8, 1, 5, /^there are 5 rows, fewer than train\.batch 8: each update learns 5 and computes 3 of padding$/],
    [4, 16, 22, /^there are 6 batches in an epoch, fewer than train\.accumulate 16: each update learns 22 rows, not 64$/],
    [8, 2, 16, ""],
    [8, 1, 8, ""],
  ])("batch %s x %s of %s rows", (batch, accumulate, rows, expected) => {
    if (expected === "") expect(told(batch, accumulate, rows)).toBe("");
    else expect(told(batch, accumulate, rows)).toMatch(expected);
  });
});
