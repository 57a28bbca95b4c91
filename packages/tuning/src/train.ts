// The training loop: an async generator of step reports. It runs captured programs and nothing else; evaluation, checkpoints,
// early stopping and everything that a person sees are decided by whoever iterates over it.
import {
  type BatchDims,
  countedRows,
  type LoraLayers,
  type Opt,
  type T5,
  type TrainingBatch,
  type TrainingModel,
  trainingModel,
} from "@attune/models";
import {
  Adafactor,
  type AdafactorOptions,
  AdamW,
  type AdamWOptions,
  accumulateInto,
  backward,
  capture,
  type Device,
  type InputSpec,
  type LossScaleOptions,
  mul,
  type ParameterSet,
  type Program,
  type ProgramPlan,
  ProgramState,
  persistent,
  reshape,
  ScratchSet,
  type Storage,
  selectRows,
  sum,
  type Tensor,
  type UpdateReport,
} from "@attune/tensor";

/** A padded micro-batch: arrays are [rows, source] or [rows, target], row-major; labels are -100 where nothing is learnt. */
export type MicroBatch = TrainingBatch;

export interface TrainerOptions {
  model: T5 | Opt;
  /** What is trained: the model's own arenas, or a LoRA adapter's. */
  trainable: ParameterSet;
  lora?: LoraLayers | null;
  /** AdamW with these options, unless `optimizer` says otherwise. */
  adamW?: AdamWOptions;
  optimizer?: OptimizerOptions;
  /** Scale of the loss for half-precision gradients: an update whose gradient overflows is skipped on the device, and the scale halves. */
  lossScale?: LossScaleOptions | null;
  /** Skip updates whose gradient is not finite (default): weights and moments stay as they are. */
  skipNonFinite?: boolean;
  /** Learning rate of update number `step`, counted from 0. */
  learningRate: (step: number) => number;
  /** Dropout probability; 0 trains without. */
  dropout?: number;
  /** Keep only the outputs of blocks for backward, which computes what is within again: less memory, a third more time, the same bits. */
  gradientCheckpointing?: boolean;
  /** Of the target that is spread over the vocabulary. */
  labelSmoothing?: number;
  /** Whether the vocabulary is computed for rows that count only (default); each share of them is a program of its own. */
  skipsIgnored?: boolean;
  /** Of the dropout masks. */
  seed: number;
  scratch?: ScratchSet;
  /** Captured micro-steps kept at most: the least recently used goes, and is captured again when its shape returns. */
  maxPrograms?: number;
}

export type OptimizerOptions = ({ kind: "adamw" } & AdamWOptions) | ({ kind: "adafactor" } & AdafactorOptions);

/** Programs of a run with buckets in two lengths and a few shares of counted rows; each holds its inputs and params alone. */
const MAX_PROGRAMS = 48;

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
  /** Positions seen since the last report, padding included; and the labels that counted. */
  tokens: number;
  targetTokens: number;
  seconds: number;
}

/** Updates attempted; of them done and refused; good ones since the loss scale changed, and that scale. */
export interface TrainerCounters {
  step: number;
  good: number;
  skipped: number;
  grown: number;
  scale: number;
}

/** What a micro-step is captured for: a batch's shape, and how many of its rows reach the vocabulary (absent: all). */
type MicroShape = BatchDims & { lossRows?: number };
type MicroProgram = Program<Record<string, InputSpec>, Record<never, never>>;

/** Owns the optimizer and the captured programs of one run. */
export class Trainer {
  readonly optimizer: AdamW | Adafactor;
  readonly state: ProgramState;
  readonly scratch: ScratchSet;
  readonly #model: TrainingModel;
  /** By shape, the least recently used first. */
  readonly #micro = new Map<string, MicroProgram>();
  #captured = 0;
  readonly #update: Program<Record<never, never>, Record<never, never>>;
  /** Sum of (loss / tokens of its step) over the steps since it was last read. */
  readonly #loss: Tensor;
  #step = 0;
  #skippedBefore = 0;

  constructor(
    readonly device: Device,
    readonly options: TrainerOptions,
  ) {
    const { model, lora = null, dropout = 0, seed, gradientCheckpointing = false } = options;
    this.scratch = options.scratch ?? new ScratchSet(device);
    this.state = new ProgramState(device, { seed });
    this.optimizer = makeOptimizer(options);
    this.#model = trainingModel(model).train({
      lora,
      dropout: { p: dropout, state: this.state },
      gradientCheckpointing,
    });
    this.#loss = persistent(device, [1], { label: "loss", category: "outputs" });
    this.#update = capture(
      device,
      "update",
      {},
      () => {
        this.optimizer.step();
        return {};
      },
      this.scratch,
    );
  }

  /** Updates refused before this trainer went on. */
  get skippedBefore(): number {
    return this.#skippedBefore;
  }

  /** Updates done. */
  get step(): number {
    return this.#step;
  }

  /** Micro-steps that are captured now, and how many captures it took: more of them mean that shapes returned after they had gone. */
  get programs(): { live: number; captured: number } {
    return { live: this.#micro.size, captured: this.#captured };
  }

  /** Captures the programs of these shapes now, the largest first, so that scratch is reserved once; no more than may be kept. */
  prepare(shapes: readonly BatchDims[]): void {
    const size = (shape: BatchDims): number => shape.rows * (shape.source + shape.target);
    const sorted = [...shapes].sort((a, b) => size(b) - size(a));
    for (const shape of sorted.slice(0, this.#maxPrograms)) this.#microProgram(shape);
  }

  get #maxPrograms(): number {
    return Math.max(1, this.options.maxPrograms ?? MAX_PROGRAMS);
  }

  /** Plans of all programs captured so far. */
  plans(): ProgramPlan[] {
    return [...[...this.#micro.values()].map((program) => program.plan), this.#update.plan];
  }

  /** What one micro-batch takes (a shape alone: with all of its rows counting), and what the update takes. */
  planOf(batch: MicroBatch | BatchDims): { micro: ProgramPlan; update: ProgramPlan } {
    const program = "labels" in batch ? this.#programFor(batch).program : this.#microProgram(batch);
    return { micro: program.plan, update: this.#update.plan };
  }

  /** One update from the micro-batches of a step. Does not wait for the device. */
  update(microBatches: readonly MicroBatch[]): void {
    const targetTokens = microBatches.reduce((total, batch) => total + batch.targetTokens, 0);
    this.options.trainable.zeroGrad();
    this.state.set({ step: this.#step });
    this.optimizer.schedule(this.#step + 1, this.options.learningRate(this.#step));
    // every micro-batch is weighted by the tokens of the whole step: accumulation gives the same gradient as one large batch
    const invTokens = Float32Array.of(targetTokens > 0 ? 1 / targetTokens : 0);
    microBatches.forEach((batch, micro) => {
      const { program, picked } = this.#programFor(batch);
      this.state.set({ micro });
      program.run({ ...this.#model.arrays(batch), ...picked, invTokens });
    });
    this.#update.run();
    this.#step++;
  }

  /** Positions of a micro-batch, padding included: T5's source and target, OPT's one sequence. */
  positions(batch: BatchDims): number {
    return this.#model.positions(batch);
  }

  /** Mean loss over `steps` updates and what the last one was: waits for the device, and starts the loss anew. */
  async readLoss(steps: number): Promise<{ loss: number; gradNorm: number; lr: number; update: UpdateReport }> {
    const loss = (await this.#loss.item()) / steps;
    const update = await this.optimizer.control.read();
    this.#loss.write(new Float32Array(1));
    return { loss, gradNorm: update.norm, lr: update.rate, update };
  }

  /** What has been counted so far: with `stored`, all that the next update depends on. Waits for the device. */
  async counters(): Promise<TrainerCounters> {
    const { good, skipped, grown, scale } = await this.optimizer.control.read();
    return { step: this.#step, good, skipped, grown, scale };
  }

  /** Weights and moments by name: f32, as they lie in the arenas of the trainable parameters. */
  get stored(): readonly { readonly name: string; readonly storage: Storage }[] {
    const weights = this.options.trainable.ranges.map(({ data }, i) => ({ name: `weights.${i}`, storage: data }));
    return [...weights, ...this.optimizer.stored];
  }

  /** Goes on where another trainer of the same options stopped; what is `stored` must be written besides (trainerState.ts). */
  restore({ step, ...counts }: TrainerCounters): void {
    this.#step = step;
    this.#skippedBefore = counts.skipped;
    this.optimizer.control.restore(counts);
    // the device takes the numbers of its own count of good updates, which lags behind by those that it refused
    for (let t = counts.good + 1; t <= step; t++) this.optimizer.schedule(t, this.options.learningRate(t - 1));
    this.#loss.write(new Float32Array(1));
  }

  dispose(): void {
    for (const program of this.#micro.values()) program.dispose();
    this.#micro.clear();
    this.#update.dispose();
    this.optimizer.dispose();
    this.state.dispose();
    this.#loss.dispose();
  }

  /** The program of a batch, and which of its rows it is to count. */
  #programFor(batch: MicroBatch): { program: MicroProgram; picked: Record<string, Int32Array> } {
    const { rows, source, target } = batch;
    const dims = { rows, source, target, hasSegments: batch.segments !== undefined };
    const labels = this.#model.labels(batch);
    const counted = this.options.skipsIgnored === false ? null : countedRows(labels);
    if (!counted) return { program: this.#microProgram(dims), picked: { labels } };
    const { capacity, indices, inverse } = counted;
    return {
      program: this.#microProgram({ ...dims, lossRows: capacity }),
      picked: { indices, inverse, labels: counted.labels },
    };
  }

  #microProgram(shape: MicroShape): MicroProgram {
    const { rows, source, target, hasSegments = false, lossRows } = shape;
    const key = `${rows} x ${source} + ${target}${hasSegments ? " packed" : ""}${lossRows === undefined ? "" : `, ${lossRows} count`}`;
    const known = this.#micro.get(key);
    if (known) {
      this.#micro.delete(key);
      this.#micro.set(key, known); // the latest again
      return known;
    }
    for (const [oldest, program] of this.#micro) {
      if (this.#micro.size < this.#maxPrograms) break;
      program.dispose(); // its work is submitted: the device finishes it
      this.#micro.delete(oldest);
    }
    const i32 = (dims: readonly number[]): InputSpec => ({ shape: dims, dtype: "i32" });
    const all = rows * target; // OPT's source and target are the same positions
    const inputs: Record<string, InputSpec> = {
      ...Object.fromEntries(Object.entries(this.#model.shapes(shape)).map(([name, dims]) => [name, i32(dims)])),
      ...(lossRows === undefined ? {} : { indices: i32([lossRows]), inverse: i32([all]) }),
      labels: i32([lossRows ?? all]),
      invTokens: { shape: [], dtype: "f32" },
    };
    const { labelSmoothing } = this.options;
    const program = capture(
      this.device,
      `train ${key}`,
      inputs,
      ({ labels, invTokens, indices, inverse, ...batch }) => {
        const hidden = this.#model.hidden(batch as Record<string, Tensor>);
        const everyRow = reshape(hidden, [all, hidden.shape.at(-1)!]);
        const counted = indices && inverse ? selectRows(everyRow, indices, inverse) : everyRow;
        const loss = mul(sum(this.#model.losses(counted, labels!, { labelSmoothing })), invTokens!);
        backward(this.options.lossScale ? mul(loss, this.optimizer.control.scale) : loss);
        accumulateInto(loss, this.#loss);
        return {};
      },
      this.scratch,
    );
    this.#micro.set(key, program);
    this.#captured++;
    return program;
  }
}

function makeOptimizer({
  trainable,
  adamW,
  optimizer,
  lossScale = null,
  skipNonFinite = true,
}: TrainerOptions): AdamW | Adafactor {
  if (optimizer && adamW) {
    throw new TypeError("train: both optimizer and adamW are given. Leave adamW out, or put its options into optimizer.");
  }
  const shared = { lossScale, skipNonFinite };
  if (optimizer?.kind === "adafactor") {
    const { kind: _, ...options } = optimizer;
    return new Adafactor(trainable, { ...options, ...shared });
  }
  const { kind: _, ...options } = optimizer ?? { kind: "adamw", ...adamW };
  return new AdamW(trainable, { ...options, ...shared });
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
  /** Updates that are reported besides: those after which a checkpoint is saved, which holds nothing of a report that is not complete. */
  reportAt?: (step: number) => boolean;
}

/**
 * Trains over `steps` (each the micro-batches of one update) and reports the first update, every `reportEvery`-th, and the last.
 * @throws NumericsError when a reported loss or gradient norm is not finite, but for updates that a loss scale refused; when the first
 * gradient is 0
 */
export async function* train(
  trainer: Trainer,
  steps: Iterable<readonly MicroBatch[]> | AsyncIterable<readonly MicroBatch[]>,
  { reportEvery = 10, reportAt = () => false }: TrainOptions = {},
): AsyncGenerator<StepReport> {
  let isFirst = true;
  let since = 0;
  let skipped = trainer.skippedBefore;
  let tokens = 0;
  let targetTokens = 0;
  let start = performance.now();
  const report = async (): Promise<StepReport> => {
    const { loss, gradNorm, lr, update } = await trainer.readLoss(since);
    const seconds = (performance.now() - start) / 1000;
    const refused = update.skipped - skipped;
    // a loss scale finds its size by overflowing: that is no fault until it has nothing left to halve
    const isSearching = Boolean(trainer.options.lossScale) && refused > 0 && update.scale >= LEAST_LOSS_SCALE;
    if (!isSearching && (!Number.isFinite(loss) || !Number.isFinite(gradNorm))) {
      const kept = refused > 0 ? `; ${refused} of them were refused and left the weights as they were` : "";
      throw new NumericsError(
        `loss ${loss}, gradient norm ${gradNorm} within updates ${trainer.step - since + 1} to ${trainer.step}${kept}: lower train.lr or check the data`,
      );
    }
    if (isFirst && gradNorm === 0 && targetTokens > 0) {
      throw new NumericsError(
        `the gradient is 0 at update ${trainer.step}: none of the ${trainer.options.trainable.size} trainable values has a part in the loss. Look at what is trained (lora.targets) and at the labels`,
      );
    }
    isFirst = false;
    skipped = update.skipped;
    const made = {
      step: trainer.step,
      loss,
      gradNorm,
      lr,
      skipped: update.skipped,
      lossScale: update.scale,
      tokens,
      targetTokens,
      seconds,
    };
    since = tokens = targetTokens = 0;
    start = performance.now();
    return made;
  };
  for await (const microBatches of steps) {
    trainer.update(microBatches);
    since++;
    for (const batch of microBatches) {
      tokens += trainer.positions(batch);
      targetTokens += batch.targetTokens;
    }
    const { step } = trainer;
    if (step === 1 || step % reportEvery === 0 || reportAt(step)) yield await report();
  }
  if (since > 0) yield await report();
}
