// The optimizer and the captured programs of one run: an update is a micro-step for each of its micro-batches, which adds to the gradients,
// and then the optimizer's step. Nothing here waits for the device but what says so.
import { type BatchDims, type LoraLayers, type Opt, type T5, type TrainingModel, trainingModel } from "@attune/models";
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
  ScratchSet,
  type Storage,
  sum,
  type Tensor,
  type UpdateReport,
} from "@attune/tensor";
import { type GradientFaults, gradientFaults } from "./faults.js";
import {
  countedHidden,
  countedShape,
  inputSpecs,
  type MicroBatch,
  type MicroProgram,
  MicroPrograms,
  type MicroShape,
} from "./microPrograms.js";

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
  /**
   * An update whose gradient is not finite is refused, and without a loss scale all that follow it, too ("halt", the default), so that the
   * weights stay as it found them until somebody looks. true: only those; false: none.
   */
  skipNonFinite?: boolean | "halt";
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

/** Updates attempted; of them done and refused; good ones since the loss scale changed, and that scale. */
export interface TrainerCounters {
  step: number;
  good: number;
  skipped: number;
  grown: number;
  scale: number;
}

export interface UpdateFaults {
  /** Of each micro-batch: its part of the update's mean. */
  losses: number[];
  gradient: GradientFaults;
}

/** Owns the optimizer and the captured programs of one run. */
export class Trainer {
  readonly optimizer: AdamW | Adafactor;
  readonly state: ProgramState;
  readonly scratch: ScratchSet;
  readonly #model: TrainingModel;
  readonly #micro: MicroPrograms;
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
    const most = Math.max(1, options.maxPrograms ?? MAX_PROGRAMS);
    this.#micro = new MicroPrograms(most, (shape, name) => this.#capture(shape, name));
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
    return this.#micro.counts;
  }

  /** Captures the programs of these shapes now, the largest first, so that scratch is reserved once; no more than may be kept. */
  prepare(shapes: readonly BatchDims[]): void {
    const size = (shape: BatchDims): number => shape.rows * (shape.source + shape.target);
    const sorted = [...shapes].sort((a, b) => size(b) - size(a));
    for (const shape of sorted.slice(0, this.#micro.most)) this.#micro.of(shape);
  }

  /** Plans of all programs captured so far. */
  plans(): ProgramPlan[] {
    return [...this.#micro.plans, this.#update.plan];
  }

  /** What one micro-batch takes (a shape alone: with all of its rows counting), and what the update takes. */
  planOf(batch: MicroBatch | BatchDims): { micro: ProgramPlan; update: ProgramPlan } {
    const program = "labels" in batch ? this.#programFor(batch).program : this.#micro.of(batch);
    return { micro: program.plan, update: this.#update.plan };
  }

  /** One update from the micro-batches of a step. Does not wait for the device. Returns the arithmetic that it took, in FLOPs. */
  update(microBatches: readonly MicroBatch[]): number {
    this.options.trainable.zeroGrad();
    this.optimizer.schedule(this.#step + 1, this.options.learningRate(this.#step));
    let flops = this.#update.plan.flops;
    microBatches.forEach((_, micro) => {
      flops += this.#runMicro(microBatches, micro, this.#step);
    });
    this.#update.run();
    this.#step++;
    return flops;
  }

  /** Waits until the device has done all but the last update, of so many micro-batches, so that nobody runs far ahead of it. */
  async pace(microBatches: number): Promise<void> {
    await this.device.backend.pace?.(microBatches + 1);
  }

  /**
   * What is not finite in update `step` (from 1) with the weights as they are now and the masks that it had: for finding out what it was refused
   * for. Gradients and the loss so far are spoilt.
   */
  async faultsOf(microBatches: readonly MicroBatch[], step: number): Promise<UpdateFaults> {
    const losses: number[] = [];
    this.options.trainable.zeroGrad();
    for (let micro = 0; micro < microBatches.length; micro++) {
      this.#loss.write(new Float32Array(1));
      this.#runMicro(microBatches, micro, step - 1);
      losses.push(await this.#loss.item());
    }
    return { losses, gradient: await gradientFaults(this.options.trainable) };
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
    this.#micro.dispose();
    this.#update.dispose();
    this.optimizer.dispose();
    this.state.dispose();
    this.#loss.dispose();
  }

  /** Adds the gradients and the loss of one micro-batch of the update after `done` others. Returns its FLOPs. */
  #runMicro(microBatches: readonly MicroBatch[], micro: number, done: number): number {
    // every micro-batch is weighted by the tokens of the whole update: accumulation gives the same gradient as one large batch
    const targetTokens = microBatches.reduce((total, batch) => total + batch.targetTokens, 0);
    const invTokens = Float32Array.of(targetTokens > 0 ? 1 / targetTokens : 0);
    const batch = microBatches[micro]!;
    const { program, picked } = this.#programFor(batch);
    this.state.set({ step: done, micro });
    program.run({ ...this.#model.arrays(batch), ...picked, invTokens });
    return program.plan.flops;
  }

  /** The program of a batch, and which of its rows it is to count. */
  #programFor(batch: MicroBatch): { program: MicroProgram; picked: Record<string, Int32Array> } {
    const { shape, picked } = countedShape(this.#model, batch, this.options.skipsIgnored);
    return { program: this.#micro.of(shape), picked };
  }

  #capture(shape: MicroShape, name: string): MicroProgram {
    const { labelSmoothing, lossScale } = this.options;
    const inputs: Record<string, InputSpec> = {
      ...inputSpecs(this.#model, shape),
      invTokens: { shape: [], dtype: "f32" },
    };
    return capture(
      this.device,
      `train ${name}`,
      inputs,
      ({ labels, invTokens, ...batch }) => {
        const counted = countedHidden(this.#model, shape, batch as Record<string, Tensor>);
        const loss = mul(sum(this.#model.losses(counted, labels!, { labelSmoothing })), invTokens!);
        backward(lossScale ? mul(loss, this.optimizer.control.scale) : loss);
        accumulateInto(loss, this.#loss);
        return {};
      },
      this.scratch,
    );
  }
}

function makeOptimizer({
  trainable,
  adamW,
  optimizer,
  lossScale = null,
  skipNonFinite = "halt",
}: TrainerOptions): AdamW | Adafactor {
  if (optimizer && adamW) {
    throw new TypeError("Trainer: both optimizer and adamW are given. Leave adamW out, or put its options into optimizer.");
  }
  const shared = { lossScale, skipNonFinite };
  if (optimizer?.kind === "adafactor") {
    const { kind: _, ...options } = optimizer;
    return new Adafactor(trainable, { ...options, ...shared });
  }
  const { kind: _, ...options } = optimizer ?? { kind: "adamw", ...adamW };
  return new AdamW(trainable, { ...options, ...shared });
}
