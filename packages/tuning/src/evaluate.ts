// The loss on data that is not trained on: captured programs without dropout and without gradients, one for each shape.
import { type BatchDims, countedRows, type Opt, type T5, type TrainingModel, trainingModel } from "@attune/models";
import {
  accumulateInto,
  capture,
  type Device,
  type InputSpec,
  noGrad,
  type Program,
  persistent,
  reshape,
  ScratchSet,
  selectRows,
  sum,
  type Tensor,
} from "@attune/tensor";
import type { MicroBatch } from "./train.js";

export interface EvalLoss {
  /** Mean over the tokens that count: of all batches, whatever their sizes. */
  loss: number;
  /** exp(loss) */
  perplexity: number;
  tokens: number;
  /** transformers' eval_loss: the batches' means, weighed by their rows. It depends on the batch size. */
  meanOfBatches: number;
}

type LossProgram = Program<Record<string, InputSpec>, Record<never, never>>;

export class Evaluator {
  readonly #model: TrainingModel;
  readonly #programs = new Map<string, LossProgram>();
  readonly #sum: Tensor;
  readonly #scratch: ScratchSet;

  /**
   * @param model without dropout, its adapter within
   * @param shared scratch of other programs, which is then not disposed of with this
   */
  constructor(
    readonly device: Device,
    model: T5 | Opt,
    private readonly shared?: ScratchSet,
  ) {
    this.#model = trainingModel(model);
    this.#sum = persistent(device, [1], { label: "evaluation loss", category: "outputs" });
    this.#scratch = shared ?? new ScratchSet(device);
  }

  /** The loss of all batches; those without a label that counts weigh nothing. NaN where none counts. */
  async loss(batches: Iterable<MicroBatch & { realRows?: number }>): Promise<EvalLoss> {
    const total = { loss: 0, tokens: 0, weighed: 0, rows: 0 };
    for (const batch of batches) {
      if (batch.targetTokens === 0) continue;
      const { rows, source, target } = batch;
      const labels = this.#model.labels(batch);
      const counted = countedRows(labels);
      const dims = { rows, source, target, hasSegments: batch.segments !== undefined };
      const program = this.#program(dims, counted?.capacity ?? null);
      this.#sum.write(new Float32Array(1));
      const picked = counted ? { indices: counted.indices, inverse: counted.inverse, labels: counted.labels } : { labels };
      program.run({ ...this.#model.arrays(batch), ...picked });
      const loss = await this.#sum.item();
      const realRows = batch.realRows ?? rows;
      total.loss += loss;
      total.tokens += batch.targetTokens;
      total.weighed += (loss / batch.targetTokens) * realRows;
      total.rows += realRows;
    }
    const loss = total.loss / total.tokens;
    return { loss, perplexity: Math.exp(loss), tokens: total.tokens, meanOfBatches: total.weighed / total.rows };
  }

  dispose(): void {
    for (const program of this.#programs.values()) program.dispose();
    this.#programs.clear();
    this.#sum.dispose();
    if (!this.shared) this.#scratch.dispose();
  }

  #program(dims: BatchDims, lossRows: number | null): LossProgram {
    const { rows, target, hasSegments = false } = dims;
    const key = `${rows} x ${dims.source} + ${target}${hasSegments ? " packed" : ""}, ${lossRows ?? "all"} count`;
    const known = this.#programs.get(key);
    if (known) return known;
    const i32 = (shape: readonly number[]): InputSpec => ({ shape, dtype: "i32" });
    const all = rows * target;
    const inputs: Record<string, InputSpec> = {
      ...Object.fromEntries(Object.entries(this.#model.shapes(dims)).map(([name, shape]) => [name, i32(shape)])),
      ...(lossRows === null ? {} : { indices: i32([lossRows]), inverse: i32([all]) }),
      labels: i32([lossRows ?? all]),
    };
    const program = noGrad(() =>
      capture(
        this.device,
        `evaluate ${key}`,
        inputs,
        ({ labels, indices, inverse, ...batch }) => {
          const hidden = this.#model.hidden(batch as Record<string, Tensor>);
          const everyRow = reshape(hidden, [all, hidden.shape.at(-1)!]); // [rows * target, width]
          const counted = indices && inverse ? selectRows(everyRow, indices, inverse) : everyRow;
          accumulateInto(sum(this.#model.losses(counted, labels!)), this.#sum);
          return {};
        },
        this.#scratch,
      ),
    );
    this.#programs.set(key, program);
    return program;
  }
}
