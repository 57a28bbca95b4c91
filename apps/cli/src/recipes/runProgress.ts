// What a run has come to beside its trainer's tensors: counts, the smoothed loss, and what its evaluations found. Plain JSON, part of every
// checkpoint, so that a run that goes on reports and decides as the one that never stopped.
import {
  NOTHING_SELECTED,
  NOTHING_SMOOTHED,
  type Selection,
  type Smoothing,
  type StepReport,
  smooth,
  smoothed,
} from "@attune/tuning";
import { z } from "zod";
import type { EvaluationRecord } from "./evaluations.js";

export interface RunProgress {
  smoothing: Smoothing;
  /** Since the run began: an example counts each time that it is learnt. Tokens are positions, padding included. */
  examples: number;
  tokens: number;
  /** Every evaluation so far, in order. */
  evaluations: EvaluationRecord[];
  selection: Selection;
  /** Early stopping ended it. */
  isStopped: boolean;
}

export const NO_PROGRESS: RunProgress = {
  smoothing: NOTHING_SMOOTHED,
  examples: 0,
  tokens: 0,
  evaluations: [],
  selection: NOTHING_SELECTED,
  isStopped: false,
};

/** JSON has no NaN: it is written as null. */
const number = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const count = z.int().min(0);

const progressSchema = z.object({
  smoothing: z.object({ sum: z.number(), weight: z.number() }),
  examples: count,
  tokens: count,
  evaluations: z.array(
    z.looseObject({
      kind: z.literal("eval"),
      step: count,
      epoch: z.number(),
      evalLoss: number,
      perplexity: number,
      evalLossOfBatches: number,
      tokens: count,
      seconds: z.number(),
    }),
  ),
  selection: z.object({ best: z.object({ step: count, value: z.number() }).nullable(), waited: count }),
  isStopped: z.boolean(),
});

/** From a checkpoint; null for what is none. */
export function readProgress(json: unknown): RunProgress | null {
  const { data } = progressSchema.safeParse(json);
  return (data as RunProgress | undefined) ?? null;
}

/** A line of metrics.jsonl. */
export interface TrainRecord extends StepReport {
  kind: "train";
  /** Passes over the data so far, with a fraction. */
  epoch: number;
  /** The loss smoothed over updates: see smooth. */
  lossEma: number;
  /** Examples learnt since the run began. */
  examplesSeen: number;
  /** Positions, padding included. */
  tokensPerSecond: number;
  /** Share of the device's matmul peak as attune doctor measured it; absent where it never did. With gradient checkpointing the arithmetic that is done twice counts twice. */
  mfu?: number;
}

/** A report's record, and the progress after it. */
export function recordOf(
  report: StepReport,
  progress: RunProgress,
  { updatesPerEpoch, peakFlops }: { updatesPerEpoch: number; peakFlops: number | null },
): { record: TrainRecord; progress: RunProgress } {
  const next: RunProgress = {
    ...progress,
    smoothing: smooth(progress.smoothing, report.loss, report.updates),
    examples: progress.examples + report.examples,
    tokens: progress.tokens + report.tokens,
  };
  return {
    record: {
      kind: "train",
      ...report,
      epoch: report.step / updatesPerEpoch,
      lossEma: smoothed(next.smoothing),
      examplesSeen: next.examples,
      tokensPerSecond: report.tokens / report.seconds,
      ...(peakFlops === null ? {} : { mfu: report.flops / report.seconds / peakFlops }),
    },
    progress: next,
  };
}
