// What every optimizer's step begins with: the norm of the whole gradient, clipping, loss scaling, and whether the update is done at all.
import { planDecide, planSumSquares, sumSquaresBlocks, UPDATE_WORDS } from "@attune/kernels-wgsl";
import { TensorError } from "../errors.js";
import type { OpContext } from "../op.js";
import { persistent, type Tensor } from "../tensor.js";
import type { ParameterSet } from "./parameterSet.js";

/** torch.amp.GradScaler's rule: the loss is multiplied by a scale that halves when a gradient overflows, and doubles after a while without. */
export interface LossScaleOptions {
  /** 65536. */
  initial?: number;
  /** Good updates in a row after which the scale doubles: 2000. */
  growthInterval?: number;
}

export interface UpdateOptions {
  /** Largest norm of the whole gradient; 0 does not clip. */
  clipNorm?: number;
  /** Scale of the loss, for half-precision gradients; null (default): none. */
  lossScale?: LossScaleOptions | null;
  /**
   * Leave weights and moments as they are where the gradient is not finite (default); a loss scale always does. "halt": from then on for
   * good, so that whoever reads the report finds them as the refused update did.
   */
  skipNonFinite?: boolean | "halt";
}

/** What the device knows of the updates so far. */
export interface UpdateReport {
  /** Updates done, and refused because a gradient was not finite. */
  good: number;
  skipped: number;
  /** Good updates since the scale last changed. */
  grown: number;
  /** Of the latest update: whether it was done, the gradient's norm before clipping, the learning rate (0 before the first). */
  isGood: boolean;
  norm: number;
  rate: number;
  /** Of the loss, now. */
  scale: number;
}

/** Numbers of one update by its count of good ones before it: learning rate first, then what the optimizer wants. */
export type UpdateNumbers = readonly [rate: number, first: number, second: number];

/** Rows of the table. An update is late by as many rows as were refused since the start: fewer than these in all may be. */
const ROWS = 512;
const WORDS = 12;

/**
 * The device decides without a read-back whether an update is done, so only it knows how many were: the host writes the numbers of
 * update t when it appends the t-th attempt, and the device takes those of its own count.
 */
export class UpdateControl {
  /** f32 [1]: the loss is multiplied by it before backward. */
  readonly scale: Tensor;
  /** Words of `struct Update`. */
  readonly step: Tensor;
  readonly #numbers: Tensor;

  constructor(
    readonly parameters: ParameterSet,
    readonly options: UpdateOptions,
  ) {
    const { device } = parameters;
    const { lossScale = null } = options;
    const growth = lossScale?.growthInterval ?? 2000;
    if (!(Number.isInteger(growth) && growth > 0))
      throw new RangeError(`lossScale.growthInterval must be a positive whole number, got ${growth}`);
    const initial = lossScale ? (lossScale.initial ?? 65536) : 1;
    if (!(initial > 0 && Number.isFinite(initial))) throw new RangeError(`lossScale.initial must be positive, got ${initial}`);
    const made = { category: "optimizer" } as const;
    this.scale = persistent(device, [1], { ...made, label: "loss scale", values: Float32Array.of(initial) });
    this.step = persistent(device, [WORDS], { ...made, dtype: "u32", label: "update" });
    this.#numbers = persistent(device, [ROWS, 4], { ...made, label: "numbers of updates" });
  }

  /** The numbers that update t (from 1) takes; work appended before sees the old ones. */
  schedule(t: number, [rate, first, second]: UpdateNumbers): void {
    const row = this.#numbers.storage.slice(((t - 1) % ROWS) * 16, 16, "numbers of an update");
    this.parameters.device.backend.write(row.place(), Float32Array.of(rate, first, second, 0));
  }

  /** Appends the decision to the stream: `step` then says what to do with the gradients. */
  decide(ctx: OpContext): void {
    const { ranges } = this.parameters;
    const blocks = ranges.map(({ count }) => sumSquaresBlocks(count));
    const parts = blocks.reduce((sum, count) => sum + count, 0);
    const partial = ctx.empty([parts, 2]);
    let first = 0;
    ranges.forEach(({ grad, count }, i) => {
      ctx.run(planSumSquares({ count, first }, ctx.facts), { x: grad, partial });
      first += blocks[i]!;
    });
    const { clipNorm = 0, lossScale = null, skipNonFinite = true } = this.options;
    const interval = lossScale ? (lossScale.growthInterval ?? 2000) : 0;
    const sizes = { parts, rows: ROWS, clip: clipNorm, skips: lossScale !== null ? true : skipNonFinite, interval };
    ctx.run(planDecide(sizes, ctx.facts), { partial, numbers: this.#numbers, scale: this.scale, step: this.step });
  }

  /** Waits for the device. @throws TensorError if so many updates were refused that later ones took numbers of others */
  async read(): Promise<UpdateReport> {
    const words = (await this.step.toArray()) as Uint32Array;
    const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
    const { good, skipped, grown, isGood, norm, rate } = UPDATE_WORDS;
    if (words[skipped]! >= ROWS) {
      throw new TensorError(
        `${words[skipped]} updates were refused because their gradients were not finite; at most ${ROWS - 1} of a run may be. Lower the learning rate, or look at the data.`,
      );
    }
    return {
      good: words[good]!,
      skipped: words[skipped]!,
      grown: words[grown]!,
      isGood: words[isGood] === 1,
      norm: floats[norm]!,
      rate: floats[rate]!,
      scale: await this.scale.item(),
    };
  }

  /** Goes on where another run stopped. Numbers of updates good + 1 to the next attempt must be scheduled again. */
  restore({ good, skipped, grown, scale }: Pick<UpdateReport, "good" | "skipped" | "grown" | "scale">): void {
    const words = new Uint32Array(WORDS);
    words[UPDATE_WORDS.good] = good;
    words[UPDATE_WORDS.skipped] = skipped;
    words[UPDATE_WORDS.grown] = grown;
    this.step.write(words);
    this.scale.write(Float32Array.of(scale));
  }

  dispose(): void {
    for (const held of [this.scale, this.step, this.#numbers]) held.dispose();
  }
}
