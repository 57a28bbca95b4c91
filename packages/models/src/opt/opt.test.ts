import { describe, expect, it } from "vitest";
import { optPositions, shiftLeft } from "./opt.js";

describe("positions of OPT", () => {
  it("are counted from the mask, two rows further down; padding reads row 1", () => {
    expect([...optPositions(Int32Array.of(1, 1, 1, 0, 0, 0, 1, 1), 4)]).toEqual([2, 3, 4, 1, 1, 1, 2, 3]);
  });

  it("start anew with each packed sequence", () => {
    expect([...optPositions(Int32Array.of(1, 1, 1, 1), 4, Int32Array.of(1, 1, 2, 2))]).toEqual([2, 3, 2, 3]);
  });
});

describe("labels of OPT", () => {
  it("are the ids that follow, none at the end of a row or of a packed sequence", () => {
    expect([...shiftLeft(Int32Array.of(5, 6, 7, 8), 2)]).toEqual([6, -100, 8, -100]);
    expect([...shiftLeft(Int32Array.of(5, 6, 7, 8), 4, Int32Array.of(1, 1, 2, 2))]).toEqual([6, -100, 8, -100]);
  });
});
