import { describe, expect, it } from "vitest";
import { NOTHING_SELECTED, type Selection, type SelectionOptions, select } from "./selection.js";

/** The evaluations that were best, and the step after which the run stops. */
function follow(values: readonly number[], options: SelectionOptions) {
  let state: Selection = NOTHING_SELECTED;
  const bests: number[] = [];
  for (const [step, value] of values.entries()) {
    // through JSON, as a checkpoint keeps it
    const { isBest, stops, ...next } = select(JSON.parse(JSON.stringify(state)) as Selection, { step, value }, options);
    state = next;
    if (isBest) bests.push(step);
    if (stops) return { bests, stoppedAt: step, state };
  }
  return { bests, stoppedAt: null, state };
}

describe("the best evaluation", () => {
  it("is the first of the least losses, or of the greatest metrics", () => {
    expect(follow([3, 2, 2, 1, 4], { greaterIsBetter: false }).bests).toEqual([0, 1, 3]);
    expect(follow([3, 2, 2, 1, 4], { greaterIsBetter: true }).bests).toEqual([0, 4]);
  });
  it("is none that is no number, though it come first", () => {
    const { bests, state } = follow([Number.NaN, 2, Number.NaN, 1], { greaterIsBetter: false });
    expect(bests).toEqual([1, 3]);
    expect(state.best).toEqual({ step: 3, value: 1 });
  });
});

describe("early stopping", () => {
  it("counts evaluations in a row without improvement", () => {
    expect(follow([3, 4, 2, 2, 5, 1], { greaterIsBetter: false, patience: 2 })).toMatchObject({ stoppedAt: 4, bests: [0, 2] });
    expect(follow([3, 4, 2, 2, 1, 1], { greaterIsBetter: false, patience: 2 }).stoppedAt).toBeNull();
  });
  it("wants more than minDelta against the best, which needs no margin itself", () => {
    // each a little better than the one before: the best moves along, and the distance to it is always too small
    const found = follow([1, 0.95, 0.9, 0.85], { greaterIsBetter: false, patience: 3, minDelta: 0.1 });
    expect(found).toMatchObject({ stoppedAt: 3, bests: [0, 1, 2, 3] });
  });
  it("does not stop at the first evaluation, but may at a first that is no number", () => {
    expect(follow([1], { greaterIsBetter: false, patience: 1 }).stoppedAt).toBeNull();
    expect(follow([Number.NaN], { greaterIsBetter: false, patience: 1 }).stoppedAt).toBe(0);
  });
});
