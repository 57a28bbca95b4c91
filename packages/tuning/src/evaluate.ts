// The loss on data that is not trained on: captured programs without dropout and without gradients, one for each shape.
import { type Opt, type T5, type TrainingModel, trainingModel } from "@attune/models";
import { accumulateInto, capture, type Device, noGrad, persistent, ScratchSet, sum, type Tensor } from "@attune/tensor";
import {
  countedHidden,
  countedShape,
  inputSpecs,
  type MicroBatch,
  type MicroProgram,
  MicroPrograms,
  type MicroShape,
} from "./microPrograms.js";

export interface EvalLoss {
  /** Mean over the tokens that count: of all batches, whatever their sizes. */
  loss: number;
  /** exp(loss) */
  perplexity: number;
  tokens: number;
  /** Rows of the batches that had such tokens. */
  rows: number;
  /** transformers' eval_loss: the batches' means, weighed by their rows. It depends on the batch size. */
  meanOfBatches: number;
}

/** Forward programs hold little; their shapes are those of the validation set, which comes again and again. */
const MAX_PROGRAMS = 48;

export class Evaluator {
  readonly #model: TrainingModel;
  readonly #programs = new MicroPrograms(MAX_PROGRAMS, (shape, name) => this.#capture(shape, name));
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

  /**
   * The loss of all batches; those without a label that counts weigh nothing. NaN where none counts.
   * @param onBatch told of each batch that is done; what it throws ends the evaluation
   */
  async loss(batches: Iterable<MicroBatch>, onBatch: () => void = () => {}): Promise<EvalLoss> {
    const total = { loss: 0, tokens: 0, weighed: 0, rows: 0 };
    for (const batch of batches) {
      if (batch.targetTokens > 0) {
        const { shape, picked } = countedShape(this.#model, batch);
        this.#sum.write(new Float32Array(1));
        this.#programs.of(shape).run({ ...this.#model.arrays(batch), ...picked });
        const loss = await this.#sum.item();
        const realRows = batch.realRows ?? batch.rows;
        total.loss += loss;
        total.tokens += batch.targetTokens;
        total.weighed += (loss / batch.targetTokens) * realRows;
        total.rows += realRows;
      }
      onBatch();
    }
    const loss = total.loss / total.tokens;
    const { tokens, rows, weighed } = total;
    return { loss, perplexity: Math.exp(loss), tokens, rows, meanOfBatches: weighed / rows };
  }

  dispose(): void {
    this.#programs.dispose();
    this.#sum.dispose();
    if (!this.shared) this.#scratch.dispose();
  }

  #capture(shape: MicroShape, name: string): MicroProgram {
    return noGrad(() =>
      capture(
        this.device,
        `evaluate ${name}`,
        inputSpecs(this.#model, shape),
        ({ labels, ...batch }) => {
          const counted = countedHidden(this.#model, shape, batch as Record<string, Tensor>);
          accumulateInto(sum(this.#model.losses(counted, labels!)), this.#sum);
          return {};
        },
        this.#scratch,
      ),
    );
  }
}
