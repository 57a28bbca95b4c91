// A line of progress from the loop's reports: smoothed loss, speed, and an estimate of what is left. No device, no clock of its own.

import type { StepReport } from "./train.js";

export interface Progress {
  /** Share of the run that is done, 0 to 1. */
  done: number;
  /** Mean over the reports of the window, each weighed by its target tokens. */
  loss: number;
  /** Positions, padding included. */
  tokensPerSecond: number;
  secondsPerStep: number;
  /** Estimate until the last step. */
  secondsLeft: number;
}

type Reported = Pick<StepReport, "step" | "loss" | "tokens" | "targetTokens" | "seconds">;

/**
 * Sums up the last `window` reports. The first report of a run counts for speed only until there is another: it holds the compiling of
 * kernels and the capture of programs.
 * @param startStep updates that were done before, where a run is resumed
 */
export function trackProgress(totalSteps: number, { window = 8, startStep = 0 } = {}): (report: Reported) => Progress {
  const reports: (Reported & { steps: number; isFirst: boolean })[] = [];
  let last = startStep;
  return (report) => {
    reports.push({ ...report, steps: report.step - last, isFirst: last === startStep });
    last = report.step;
    if (reports.length > window || (reports.length > 1 && reports[0]!.isFirst)) reports.shift();
    const sum = (of: (r: (typeof reports)[number]) => number) => reports.reduce((total, r) => total + of(r), 0);
    const seconds = sum((r) => r.seconds);
    const secondsPerStep =
      seconds /
      Math.max(
        1,
        sum((r) => r.steps),
      );
    return {
      done: Math.min(1, report.step / Math.max(1, totalSteps)),
      loss:
        sum((r) => r.loss * r.targetTokens) /
        Math.max(
          1,
          sum((r) => r.targetTokens),
        ),
      tokensPerSecond: seconds > 0 ? sum((r) => r.tokens) / seconds : 0,
      secondsPerStep,
      secondsLeft: secondsPerStep * Math.max(0, totalSteps - report.step),
    };
  };
}
