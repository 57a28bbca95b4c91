import { expect, it } from "vitest";
import { trackProgress } from "./progress.js";

const report = (step: number, loss: number, targetTokens: number, seconds: number) => ({
  step,
  loss,
  targetTokens,
  tokens: 100,
  seconds,
});

it("weighs losses by their tokens, and drops the first report, which holds the compiling", () => {
  const track = trackProgress(10, { window: 2 });
  expect(track(report(2, 9, 10, 50))).toMatchObject({ done: 0.2, loss: 9, secondsPerStep: 25, secondsLeft: 200 });
  expect(track(report(4, 4, 10, 1))).toMatchObject({ done: 0.4, loss: 4, secondsPerStep: 0.5, secondsLeft: 3 });
  expect(track(report(6, 2, 30, 3))).toEqual({ done: 0.6, loss: 2.5, tokensPerSecond: 50, secondsPerStep: 1, secondsLeft: 4 });
  expect(track(report(10, 2, 30, 3))).toMatchObject({ done: 1, loss: 2, secondsLeft: 0 });
});

it("counts only the steps of a resumed run, and divides by nothing", () => {
  expect(trackProgress(10, { startStep: 8 })(report(9, 1, 0, 2))).toEqual({
    done: 0.9,
    loss: 0,
    tokensPerSecond: 50,
    secondsPerStep: 2,
    secondsLeft: 2,
  });
  expect(trackProgress(0)(report(0, 1, 1, 0))).toMatchObject({ done: 0, secondsPerStep: 0, secondsLeft: 0 });
});
