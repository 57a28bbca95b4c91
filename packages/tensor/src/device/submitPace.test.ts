import { expect, it } from "vitest";
import { SubmitPace, workOf } from "./submitPace.js";

const submitsOf = (pace: SubmitPace, calls: readonly number[]): number[] => {
  const submits: number[] = [];
  let taken = 0;
  for (const work of calls) {
    if (pace.cuts(taken, work)) {
      submits.push(taken);
      taken = 0;
    }
    taken += work;
  }
  return [...submits, taken];
};

it("keeps every submit under half a second at the speed that was measured", () => {
  const pace = new SubmitPace(true);
  pace.measured(1e9, 10); // 1e8 a millisecond
  const submits = submitsOf(
    pace,
    Array.from({ length: 100 }, () => 3e9),
  );
  expect(Math.max(...submits)).toBeLessThanOrEqual(500 * 1e8);
  expect(submits.length).toBe(7);
  expect(submitsOf(pace, [9e10, 1e6, 9e10])).toEqual([9e10, 1e6, 9e10]); // a call cannot be cut here
});

it("slows down at once and speeds up by and by", () => {
  const pace = new SubmitPace(true);
  const first = pace.most;
  pace.measured(1e9, 1);
  const fast = pace.most;
  expect(fast).toBeGreaterThan(first);
  pace.measured(1e9, 100);
  expect(pace.most).toBeCloseTo(fast / 100);
  pace.measured(1e9, 1);
  expect(pace.most).toBeLessThan(fast / 50);
});

it("cuts nothing on a software adapter", () => {
  const pace = new SubmitPace(false);
  pace.measured(1, 1e6);
  expect(submitsOf(pace, [1e15, 1e15])).toEqual([2e15]);
});

it("counts what a call moves and that it is one", () => {
  expect(workOf({ flops: 10, bytes: 0 })).toBeGreaterThan(10);
  expect(workOf({ flops: 0, bytes: 100 })).toBeGreaterThan(workOf({ flops: 100, bytes: 0 }));
});
