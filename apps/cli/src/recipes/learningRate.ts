// The learning rate of a run's updates: fixed before it, or following what its evaluations find.
import { type FollowingOptions, followedRate, scheduleFactor, warmupSteps } from "@attune/tuning";
import { isFollowing, scheduleOptionsOf } from "../run/optimization.js";
import type { Run } from "../run/schema.js";
import { type EvaluationPlan, type EvaluationRecord, judgedBy } from "./evaluations.js";

export interface LearningRate {
  /** Of update number `done`, from 0. */
  at(done: number): number;
  /** Another evaluation; those of the future of an update do not count for it, so that a run that goes on has the rates that it had. */
  judge(record: EvaluationRecord): void;
}

export function learningRateOf(
  { train }: Pick<Run, "train">,
  totalSteps: number,
  plan: Pick<EvaluationPlan, "best">,
): LearningRate {
  const { lr, schedule: kind, warmup } = train;
  if (!isFollowing(kind)) {
    const shape = { kind, learningRate: lr, warmupSteps: warmupSteps(warmup, totalSteps), totalSteps };
    const schedule = { ...shape, ...scheduleOptionsOf(train, lr) };
    return { at: (done) => lr * scheduleFactor(schedule, done), judge() {} };
  }
  const options = { ...train.scheduleOptions, learningRate: lr, greaterIsBetter: plan.best?.greaterIsBetter ?? false };
  const judged: { step: number; value: number }[] = [];
  return {
    at: (done) =>
      followedRate(
        { kind, ...(options as typeof options & FollowingOptions) },
        judged.filter(({ step }) => step <= done).map(({ value }) => value),
      ),
    judge(record) {
      // transformers: the evaluation before the first update is passed over
      if (record.step > 0) judged.push({ step: record.step, value: plan.best ? judgedBy(plan, record) : record.evalLoss });
    },
  };
}
