// What a training loop reports, and how speed and time to go follow from it. No device, no clock of its own.

/** One finished update. Units are in the names; losses are means over target tokens. */
export interface StepReport {
  /** Updates done, this one included: 1 for the first. */
  step: number;
  totalSteps: number;
  /** Passes over the data so far, broken. */
  epoch: number;
  /** Mean cross-entropy of the update's target tokens, in nats. */
  loss: number;
  /** Global norm of the gradients before clipping. */
  gradNorm: number;
  /** The rate this update used. */
  learningRate: number;
  /** Target tokens that counted. */
  targetTokens: number;
  /** Source and target tokens, without padding. */
  tokens: number;
  /** Of this update. */
  seconds: number;
  /** An update whose gradients were not finite changes nothing. */
  isSkipped?: boolean;
}

export interface Progress {
  /** Mean over the reports of the window, each weighed by its target tokens. */
  loss: number;
  tokensPerSecond: number;
  secondsPerStep: number;
  /** Estimate until the last step. */
  secondsLeft: number;
}

/** Keeps the last `window` reports and sums them up, for a line of progress. */
export function trackProgress(window = 20): (report: StepReport) => Progress {
  const reports: StepReport[] = [];
  return (report) => {
    reports.push(report);
    if (reports.length > window) reports.shift();
    const sum = (of: (r: StepReport) => number) => reports.reduce((total, r) => total + of(r), 0);
    const seconds = sum((r) => r.seconds);
    const secondsPerStep = seconds / reports.length;
    return {
      loss:
        sum((r) => r.loss * r.targetTokens) /
        Math.max(
          1,
          sum((r) => r.targetTokens),
        ),
      tokensPerSecond: seconds > 0 ? sum((r) => r.tokens) / seconds : 0,
      secondsPerStep,
      secondsLeft: secondsPerStep * Math.max(0, report.totalSteps - report.step),
    };
  };
}
