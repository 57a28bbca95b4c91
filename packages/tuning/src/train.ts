// The training loop: an async generator of step reports. It runs captured programs and nothing else; evaluation, checkpoints,
// early stopping and everything that a person sees are decided by whoever iterates over it.
import { listSome, printable } from "@attune/models";
import type { GradientFaults } from "./faults.js";
import { examplesOf, type MicroBatch } from "./microPrograms.js";
import type { Trainer } from "./trainer.js";

export interface StepReport {
  /** Updates done so far. */
  step: number;
  /** Mean loss a target token over the updates since the last report. */
  loss: number;
  /** Of the last update, before clipping. */
  gradNorm: number;
  /** Used by the last update. */
  lr: number;
  /** Updates refused so far because a gradient was not finite; they are counted in `step`. */
  skipped: number;
  /** Of the loss: 1 without loss scaling. */
  lossScale: number;
  /** Since the last report: updates, examples, positions with padding, and labels that counted. */
  updates: number;
  examples: number;
  tokens: number;
  targetTokens: number;
  /** Arithmetic of the programs that ran, with what gradient checkpointing computes again. */
  flops: number;
  /** Without what the reader of the report did in between. */
  seconds: number;
}

/** The loss is not a number any more: the exit class tells a command line. */
export class NumericsError extends Error {
  override readonly name = "NumericsError";
  readonly exitClass = "numerics";
}

/** A loss scale below this means that gradients are not finite whatever they are multiplied by. */
const LEAST_LOSS_SCALE = 2 ** -20;

export interface TrainOptions {
  /** Updates between reports: 10. */
  reportEvery?: number;
  /**
   * Updates of the whole run that may be refused because their gradient is not finite; the next one ends it. For a trainer with skipNonFinite,
   * which leaves the weights as they were at each. None: the first one ends the run. With a loss scale there is no limit but its own.
   */
  maxSkipped?: number;
  /** Updates that are reported besides: those after which a checkpoint is saved, which holds nothing of a report that is not complete. */
  reportAt?: (step: number) => boolean;
}

/**
 * Trains over `steps` (each the micro-batches of one update) and reports the first update, every `reportEvery`-th, and the last.
 * @throws NumericsError when a reported loss or gradient norm is not finite, naming update, micro-batch, rows and the first gradient, but for
 * updates that a loss scale refused or that maxSkipped allows; when the first gradient is 0
 */
export async function* train(
  trainer: Trainer,
  steps: Iterable<readonly MicroBatch[]> | AsyncIterable<readonly MicroBatch[]>,
  { reportEvery = 10, reportAt = () => false, maxSkipped = 0 }: TrainOptions = {},
): AsyncGenerator<StepReport> {
  let isFirst = true;
  let skipped = trainer.skippedBefore;
  /** The updates since the last report: where one of them was refused, what was in it. */
  let since: (readonly MicroBatch[])[] = [];
  let flops = 0;
  let start = performance.now();
  const report = async (): Promise<StepReport> => {
    const { loss, gradNorm, lr, update } = await trainer.readLoss(since.length);
    const seconds = (performance.now() - start) / 1000;
    const refused = update.skipped - skipped;
    const batches = since.flat();
    const targetTokens = batches.reduce((total, batch) => total + batch.targetTokens, 0);
    // a loss scale finds its size by overflowing: that is no fault until it has nothing left to halve
    const isSearching = Boolean(trainer.options.lossScale) && refused > 0 && update.scale >= LEAST_LOSS_SCALE;
    const isAllowed = refused > 0 && trainer.options.skipNonFinite === true && update.skipped <= maxSkipped;
    if (!isSearching && !isAllowed && (refused > 0 || !Number.isFinite(loss) || !Number.isFinite(gradNorm)))
      throw await nonFinite(trainer, since, { loss, gradNorm, refused, lr, skipped: update.skipped, maxSkipped });
    if (isFirst && gradNorm === 0 && targetTokens > 0) {
      throw new NumericsError(
        `the gradient is 0 at update ${trainer.step}: none of the ${trainer.options.trainable.size} trainable values has a part in the loss. Look at what is trained (lora.targets) and at the labels`,
      );
    }
    const made: StepReport = {
      step: trainer.step,
      loss,
      gradNorm,
      lr,
      skipped: update.skipped,
      lossScale: update.scale,
      updates: since.length,
      examples: batches.reduce((total, batch) => total + examplesOf(batch), 0),
      tokens: batches.reduce((total, batch) => total + trainer.positions(batch), 0),
      targetTokens,
      flops,
      seconds,
    };
    isFirst = false;
    skipped = update.skipped;
    since = [];
    flops = 0;
    return made;
  };
  for await (const microBatches of steps) {
    flops += trainer.update(microBatches);
    since.push(microBatches);
    await trainer.pace(microBatches.length);
    const { step } = trainer;
    if (step === 1 || step % reportEvery === 0 || reportAt(step)) {
      yield await report();
      start = performance.now(); // what the reader did with the report is not training
    }
  }
  if (since.length > 0) yield await report();
}

/**
 * What is to be said of updates whose loss or gradient is not finite. A trainer that halts (the default without a loss scale) still has the
 * weights that the first refused update found, so that running it again shows what it was; else those since the last report are tried with
 * the weights as they are now, which mostly shows it, too.
 */
async function nonFinite(
  trainer: Trainer,
  since: readonly (readonly MicroBatch[])[],
  { loss, gradNorm, refused, lr, skipped, maxSkipped }: NonFiniteReport,
): Promise<NumericsError> {
  const first = trainer.step - since.length + 1;
  const isHalted = refused > 0 && !trainer.options.lossScale && (trainer.options.skipNonFinite ?? "halt") === "halt";
  const kept = isHalted
    ? `the weights are those after update ${trainer.step - refused}`
    : refused > 0
      ? `${refused} of updates ${first} to ${trainer.step} were refused and left the weights as they were`
      : "the weights have taken it over";
  const limit =
    maxSkipped > 0 && skipped > maxSkipped ? `; train.skipNonFinite allows ${maxSkipped}, and these are ${skipped}` : "";
  const advice = `lower train.lr (${lr.toExponential(2)} now)`;
  const look = "ATTUNE_DEBUG=5 names the first operation that makes such a number";
  const steps = isHalted ? [trainer.step - refused + 1] : since.map((_, i) => first + i);
  for (const step of steps) {
    const microBatches = since[step - first]!;
    const { losses, gradient } = await trainer.faultsOf(microBatches, step);
    const at = losses.findIndex((one) => !Number.isFinite(one));
    if (at < 0 && !gradient.first) continue;
    const what = at >= 0 ? `the loss is ${losses[at]}` : "the loss is finite, its gradient is not,";
    const where = at >= 0 && microBatches.length > 1 ? ` in micro-batch ${at + 1} of ${microBatches.length}` : "";
    const rows = (at >= 0 ? [microBatches[at]!] : microBatches).flatMap(({ ids = [] }) => ids);
    const named = rows.length > 0 ? `. In it: ${listSome(rows.map((id) => printable(id, 80)))}` : "";
    return new NumericsError(
      `${what} at update ${step}${where} (${gradientText(gradient)}); ${kept}${limit}${named}. Now ${advice} or look at these rows; ${look}`,
    );
  }
  return new NumericsError(
    `loss ${loss}, gradient norm ${gradNorm} within updates ${first} to ${trainer.step}; ${kept}${limit}. Now ${advice} or check the data; ${look}`,
  );
}

interface NonFiniteReport {
  loss: number;
  gradNorm: number;
  /** Updates since the last report, and of the whole run. */
  refused: number;
  skipped: number;
  maxSkipped: number;
  lr: number;
}

/** "gradient norm NaN, first of lm_head.weight: NaN at 12 and at 40 more of its 1024" */
function gradientText({ norm, first }: GradientFaults): string {
  if (!first) return `gradient norm ${norm}`;
  const { name, value, index, count, size } = first;
  const more = count > 1 ? ` and at ${count - 1} more of its ${size}` : "";
  return `gradient norm ${norm}, first of ${printable(name, 120)}: ${value} at ${index}${more}`;
}
