// The training loop: an async generator of step reports. It runs captured programs and nothing else; evaluation, checkpoints,
// early stopping and everything that a person sees are decided by whoever iterates over it.
import { type LoraLayers, shiftRight, type T5 } from "@attune/models";
import {
  AdamW,
  type AdamWOptions,
  accumulateInto,
  backward,
  capture,
  crossEntropy,
  type Device,
  mul,
  type ParameterSet,
  type Program,
  type ProgramPlan,
  ProgramState,
  persistent,
  ScratchSet,
  sum,
  type Tensor,
} from "@attune/tensor";

/** A padded micro-batch: arrays are [rows, source] or [rows, target], row-major; labels are -100 where nothing is learnt. */
export interface MicroBatch {
  rows: number;
  source: number;
  target: number;
  inputIds: Int32Array;
  attentionMask: Int32Array;
  labels: Int32Array;
  /** Labels that count. */
  targetTokens: number;
}

export interface TrainerOptions {
  model: T5;
  /** What is trained: the model's own arenas, or a LoRA adapter's. */
  trainable: ParameterSet;
  lora?: LoraLayers | null;
  adamW?: AdamWOptions;
  /** Learning rate of update number `step`, counted from 0. */
  learningRate: (step: number) => number;
  /** Dropout probability; 0 trains without. */
  dropout?: number;
  /** Of the dropout masks. */
  seed: number;
  scratch?: ScratchSet;
}

export interface StepReport {
  /** Updates done so far. */
  step: number;
  /** Mean loss a target token over the updates since the last report. */
  loss: number;
  /** Of the last update, before clipping. */
  gradNorm: number;
  /** Used by the last update. */
  lr: number;
  /** Source and target positions seen since the last report, padding included; and the labels that counted. */
  tokens: number;
  targetTokens: number;
  seconds: number;
}

const BATCH_INPUTS = ["inputIds", "attentionMask", "decoderInputIds", "labels"] as const;
type MicroInputs = Record<(typeof BATCH_INPUTS)[number], { shape: readonly number[]; dtype: "i32" }> & {
  invTokens: { shape: readonly number[]; dtype: "f32" };
};
type MicroProgram = Program<MicroInputs, Record<never, never>>;

/** Owns the optimizer and the captured programs of one run. */
export class Trainer {
  readonly optimizer: AdamW;
  readonly state: ProgramState;
  readonly scratch: ScratchSet;
  readonly #model: T5;
  readonly #micro = new Map<string, MicroProgram>();
  readonly #update: Program<Record<never, never>, Record<never, never>>;
  /** Sum of (loss / tokens of its step) over the steps since it was last read. */
  readonly #loss: Tensor;
  #step = 0;

  constructor(
    readonly device: Device,
    readonly options: TrainerOptions,
  ) {
    const { model, trainable, lora = null, dropout = 0, seed } = options;
    this.scratch = options.scratch ?? new ScratchSet(device);
    this.state = new ProgramState(device, { seed });
    this.optimizer = new AdamW(trainable, options.adamW);
    this.#model = model.with({ lora, dropout: { p: dropout, state: this.state } });
    this.#loss = persistent(device, [1], { label: "loss", category: "outputs" });
    this.#update = capture(
      device,
      "update",
      {},
      () => {
        this.optimizer.step(this.state);
        return {};
      },
      this.scratch,
    );
  }

  /** Updates done. */
  get step(): number {
    return this.#step;
  }

  /** Captures the programs of these shapes now, the largest first, so that scratch is reserved once. */
  prepare(shapes: readonly Pick<MicroBatch, "rows" | "source" | "target">[]): void {
    const size = (shape: Pick<MicroBatch, "rows" | "source" | "target">): number => shape.rows * (shape.source + shape.target);
    for (const shape of [...shapes].sort((a, b) => size(b) - size(a))) this.#microProgram(shape);
  }

  /** Plans of all programs captured so far. */
  plans(): ProgramPlan[] {
    return [...[...this.#micro.values()].map((program) => program.plan), this.#update.plan];
  }

  /** What one micro-batch of this shape takes, and what the update takes. */
  planOf(shape: Pick<MicroBatch, "rows" | "source" | "target">): { micro: ProgramPlan; update: ProgramPlan } {
    return { micro: this.#microProgram(shape).plan, update: this.#update.plan };
  }

  /** One update from the micro-batches of a step. Does not wait for the device. */
  update(microBatches: readonly MicroBatch[]): void {
    const targetTokens = microBatches.reduce((total, batch) => total + batch.targetTokens, 0);
    this.options.trainable.zeroGrad();
    this.state.set(this.optimizer.stateFor(this.#step + 1, this.options.learningRate(this.#step)));
    // every micro-batch is weighted by the tokens of the whole step: accumulation gives the same gradient as one large batch
    const invTokens = Float32Array.of(targetTokens > 0 ? 1 / targetTokens : 0);
    microBatches.forEach((batch, micro) => {
      const program = this.#microProgram(batch);
      this.state.set({ micro });
      const decoderInputIds = shiftRight(batch.labels, batch.target, this.#model.config);
      const { inputIds, attentionMask, labels } = batch;
      program.run({ inputIds, attentionMask, decoderInputIds, labels, invTokens });
    });
    this.#update.run();
    this.#step++;
  }

  /** Mean loss over `steps` updates and the last gradient norm: waits for the device, and starts the loss anew. */
  async readLoss(steps: number): Promise<{ loss: number; gradNorm: number }> {
    const loss = (await this.#loss.item()) / steps;
    const gradNorm = await this.optimizer.norm.item();
    this.#loss.write(new Float32Array(1));
    return { loss, gradNorm };
  }

  dispose(): void {
    for (const program of this.#micro.values()) program.dispose();
    this.#micro.clear();
    this.#update.dispose();
    this.optimizer.dispose();
    this.state.dispose();
    this.#loss.dispose();
  }

  #microProgram({ rows, source, target }: Pick<MicroBatch, "rows" | "source" | "target">): MicroProgram {
    const key = `${rows} x ${source} + ${target}`;
    const known = this.#micro.get(key);
    if (known) return known;
    const integers = (length: number) => ({ shape: [rows, length], dtype: "i32" }) as const;
    const inputs: MicroInputs = {
      inputIds: integers(source),
      attentionMask: integers(source),
      decoderInputIds: integers(target),
      labels: integers(target),
      invTokens: { shape: [], dtype: "f32" },
    };
    const program = capture(
      this.device,
      `train ${key}`,
      inputs,
      ({ labels, invTokens, ...batch }) => {
        const losses = crossEntropy(this.#model.forward(batch), labels); // [rows * target]
        const loss = mul(sum(losses), invTokens);
        backward(loss);
        accumulateInto(loss, this.#loss);
        return {};
      },
      this.scratch,
    );
    this.#micro.set(key, program);
    return program;
  }
}

/** The loss is not a number any more: the exit class tells a command line. */
export class NumericsError extends Error {
  override readonly name = "NumericsError";
  readonly exitClass = "numerics";
}

/**
 * Trains over `steps` (each the micro-batches of one update) and reports the first update, every `reportEvery`-th, and the last.
 * @throws NumericsError when a reported loss or gradient norm is not finite
 */
export async function* train(
  trainer: Trainer,
  steps: Iterable<readonly MicroBatch[]> | AsyncIterable<readonly MicroBatch[]>,
  { reportEvery = 10 }: { reportEvery?: number } = {},
): AsyncGenerator<StepReport> {
  let since = 0;
  let tokens = 0;
  let targetTokens = 0;
  let start = performance.now();
  const report = async (): Promise<StepReport> => {
    const { loss, gradNorm } = await trainer.readLoss(since);
    const seconds = (performance.now() - start) / 1000;
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      throw new NumericsError(
        `loss ${loss}, gradient norm ${gradNorm} within updates ${trainer.step - since + 1} to ${trainer.step}: lower train.lr or check the data`,
      );
    }
    const made = { step: trainer.step, loss, gradNorm, lr: trainer.state.values.lr, tokens, targetTokens, seconds };
    since = tokens = targetTokens = 0;
    start = performance.now();
    return made;
  };
  for await (const microBatches of steps) {
    trainer.update(microBatches);
    since++;
    for (const batch of microBatches) {
      tokens += batch.rows * (batch.source + batch.target);
      targetTokens += batch.targetTokens;
    }
    if (trainer.step === 1 || trainer.step % reportEvery === 0) yield await report();
  }
  if (since > 0) yield await report();
}
