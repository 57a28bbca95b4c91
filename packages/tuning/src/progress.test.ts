import { expect, it } from "vitest";
import { trackProgress } from "./progress.js";

it("weighs losses by their tokens and looks at the last reports only", () => {
  const track = trackProgress(2);
  const report = (step: number, loss: number, targetTokens: number, seconds: number) => ({
    step,
    totalSteps: 10,
    epoch: 0,
    loss,
    gradNorm: 1,
    learningRate: 0.1,
    targetTokens,
    tokens: 100,
    seconds,
  });
  track(report(1, 100, 1000, 50));
  track(report(2, 4, 10, 1));
  const progress = track(report(3, 2, 30, 3));
  expect(progress).toEqual({ loss: 2.5, tokensPerSecond: 50, secondsPerStep: 2, secondsLeft: 14 });
  expect(trackProgress()(report(10, 1, 0, 0))).toEqual({ loss: 0, tokensPerSecond: 0, secondsPerStep: 0, secondsLeft: 0 });
});
