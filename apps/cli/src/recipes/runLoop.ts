// The course of a run: updates, and after some of them an evaluation, a checkpoint, the decision to stop. In this order, as transformers has
// it (log, evaluate, save), so that a checkpoint knows the evaluation of its own step.
import type { Trainer } from "@attune/tuning";
import { NumericsError, type Spike, type StepReport, select, train, watchSpikes } from "@attune/tuning";
import { type EvaluationPlan, isEvaluated, judgedBy, type RunEvaluator } from "./evaluations.js";
import type { LearningRate } from "./learningRate.js";
import type { RunFolder } from "./runFolder.js";
import { type RunProgress, recordOf, type TrainRecord } from "./runProgress.js";
import { openRecords } from "./runRecords.js";
import { watchForStalls } from "./stall.js";
import type { PreparedRun, TuneListener } from "./tune.js";

export interface RunLoop {
  prepared: PreparedRun;
  folder: RunFolder;
  trainer: Trainer;
  evaluator: RunEvaluator;
  rate: Pick<LearningRate, "judge">;
  plan: EvaluationPlan;
  listener: TuneListener;
  /** FLOPs a second that the device is known to reach. */
  peakFlops: number | null;
  signal?: AbortSignal | undefined;
}

export interface LoopResult {
  /** Of this process; a run that was resumed has earlier ones in its file. */
  records: TrainRecord[];
  progress: RunProgress;
}

/**
 * Trains to the end, to the stop of early stopping, or to the update at hand when the signal comes; a checkpoint is saved there.
 * Throws (numerics) as train does; (storage) where three checkpoints in a row cannot be written.
 */
export async function runLoop(loop: RunLoop): Promise<LoopResult> {
  const { prepared, folder, trainer, evaluator, rate, plan, listener, peakFlops, signal } = loop;
  const { run, data } = prepared;
  const { totalSteps } = data;
  const { updatesPerEpoch } = data.plan;
  const { earlyStopping, logEvery } = run.train;
  const records: TrainRecord[] = [];
  const watch = watchSpikes();
  let { progress } = folder;

  const written = await openRecords(run, folder.startStep, listener.note);
  const device = watchForStalls({ note: listener.note });
  const isSaved = (step: number): boolean => run.save.every !== null && step % run.save.every === 0;
  const isDue = (step: number): boolean => isEvaluated(plan, step, totalSteps);

  async function evaluate(): Promise<void> {
    const { step } = trainer;
    signal?.throwIfAborted();
    const onProgress = (done: number, total: number): void => {
      device.alive(`the evaluation of step ${step}`);
      listener.evaluating(done, total);
    };
    const { record, samples } = await evaluator.evaluate(step, step / updatesPerEpoch, { signal, onProgress });
    progress = { ...progress, evaluations: [...progress.evaluations, record] };
    rate.judge(record);
    let isBest = false;
    if (plan.best && step > 0) {
      const chosen = select(
        progress.selection,
        { step, value: judgedBy(plan, record) },
        { ...plan.best, patience: earlyStopping?.patience, minDelta: earlyStopping?.minDelta },
      );
      isBest = chosen.isBest;
      progress = { ...progress, selection: { best: chosen.best, waited: chosen.waited }, isStopped: chosen.stops };
    }
    await written.evaluation(record, samples);
    listener.evaluated?.(record, isBest);
    if (isBest) await folder.save(trainer, progress);
    if (progress.isStopped && step < totalSteps)
      listener.note(
        `stopped early after step ${step}: ${progress.selection.waited} evaluations without a better ${plan.best!.name}`,
      );
  }

  async function trainOn(): Promise<void> {
    const { startStep } = folder;
    const known = progress.evaluations.at(-1)?.step;
    if (isDue(startStep) && known !== startStep) await evaluate(); // before the first update, or interrupted in the middle of it
    if (progress.isStopped) return;
    const updates = untilAborted(data.updates(startStep), signal, () => device.alive(`update ${trainer.step + 1}`));
    let skipped = trainer.skippedBefore;
    for await (const report of train(trainer, updates, {
      reportEvery: logEvery,
      reportAt: (step) => isSaved(step) || isDue(step),
      maxSkipped: run.train.skipNonFinite ?? 0,
    })) {
      const made = recordOf(report, progress, { updatesPerEpoch, peakFlops });
      ({ progress } = made);
      records.push(made.record);
      await written.train(made.record);
      device.alive(`update ${report.step + 1}`);
      listener.step(made.record, totalSteps);
      if (run.train.skipNonFinite !== undefined && report.skipped > skipped)
        listener.note(skippedNote(report, report.skipped - skipped, run.train.skipNonFinite));
      skipped = report.skipped;
      const spike = watch(report.loss);
      if (spike) listener.note(spikeNote(report.step, spike));
      if (isDue(report.step)) await evaluate();
      if (isSaved(report.step) && folder.savedAt !== report.step) await folder.save(trainer, progress);
      if (progress.isStopped) return;
    }
  }

  try {
    await trainOn();
    // as transformers: a run that is over can be gone on with, too
    if (!signal?.aborted && run.save.every !== null && folder.savedAt !== trainer.step) await folder.save(trainer, progress);
  } catch (error) {
    if (error instanceof NumericsError) throw withCheckpoint(error, folder.savedAt);
    if (signal?.aborted && error === signal.reason) return await stopped();
    await saveAfterFault(error);
    throw error;
  } finally {
    device.dispose();
    await written.finish();
  }
  return signal?.aborted ? stopped() : { records, progress };

  async function stopped(): Promise<LoopResult> {
    const isSaved = folder.savedAt === trainer.step || (await folder.save(trainer, progress));
    const goOn = isSaved ? "--resume goes on from here" : lastCheckpoint(folder.savedAt);
    listener.note(`stopped after step ${trainer.step}; ${goOn}`);
    return { records, progress };
  }

  /** After a bug between two updates all that was trained is still sound, and worth a try. */
  async function saveAfterFault(error: unknown): Promise<void> {
    const isBug = !(error as { exitClass?: string }).exitClass;
    const isComplete = trainer.step > 0 && trainer.step === (records.at(-1)?.step ?? folder.startStep);
    if (!isBug || !isComplete || folder.savedAt === trainer.step) return;
    const isSaved = await folder.save(trainer, progress).catch(() => false); // the device may be what is broken
    if (isSaved) listener.note(`step ${trainer.step} is saved; --resume goes on from here`);
  }
}

function* untilAborted<T>(items: Iterable<T>, signal: AbortSignal | undefined, onItem: () => void): Generator<T> {
  for (const item of items) {
    if (signal?.aborted) return;
    onItem();
    yield item;
  }
}

const spikeNote = (step: number, { loss, mean, z }: Spike): string =>
  `step ${step}: the loss is ${loss.toFixed(3)}, far above the ${mean.toFixed(3)} of the reports before (${z.toFixed(0)} deviations)`;

const skippedNote = ({ step, skipped }: StepReport, now: number, most: number): string =>
  `step ${step}: ${now} ${now === 1 ? "update" : "updates"} without a finite gradient passed over, the weights stay as they were; ${skipped} of ${most} that train.skipNonFinite allows`;

/** What the run can be resumed from, with its numbers still in order. */
function withCheckpoint(error: NumericsError, savedAt: number | null): NumericsError {
  return new NumericsError(`${error.message}; ${lastCheckpoint(savedAt)}`, { cause: error });
}

const lastCheckpoint = (savedAt: number | null): string =>
  savedAt === null ? "no checkpoint was saved before" : `the last checkpoint is of step ${savedAt}`;
