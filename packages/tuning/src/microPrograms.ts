// Captured programs of micro-batches, for training as for evaluation: one for each shape of batch and each share of rows that count.
import { type BatchDims, countedRows, type TrainingBatch, type TrainingModel } from "@attune/models";
import { type InputSpec, type Program, type ProgramPlan, reshape, selectRows, type Tensor } from "@attune/tensor";

/** A padded micro-batch: arrays are [rows, source] or [rows, target], row-major; labels are -100 where nothing is learnt. */
export type MicroBatch = TrainingBatch & {
  /** Rows that hold something; the others, last, weigh nothing. Absent: all. */
  realRows?: number;
  /** Names of the examples within, for messages. A packed row has several. */
  ids?: readonly string[];
};

/** What a program is captured for: a batch's shape, and how many of its rows reach the vocabulary (absent: all). */
export type MicroShape = BatchDims & { lossRows?: number };
export type MicroProgram = Program<Record<string, InputSpec>, Record<never, never>>;

/** Examples in a batch. */
export function examplesOf({ ids, realRows, rows }: MicroBatch): number {
  return ids?.length ?? realRows ?? rows;
}

/** Programs by shape: no more than `most`, the least recently used goes, and is captured again when its shape returns. */
export class MicroPrograms {
  /** The least recently used first. */
  readonly #byShape = new Map<string, MicroProgram>();
  #captured = 0;

  constructor(
    readonly most: number,
    private readonly make: (shape: MicroShape, name: string) => MicroProgram,
  ) {}

  /** Programs that are captured now, and how many captures it took: more of them mean that shapes returned after they had gone. */
  get counts(): { live: number; captured: number } {
    return { live: this.#byShape.size, captured: this.#captured };
  }

  get plans(): ProgramPlan[] {
    return [...this.#byShape.values()].map(({ plan }) => plan);
  }

  of(shape: MicroShape): MicroProgram {
    const { rows, source, target, hasSegments = false, lossRows } = shape;
    const name = `${rows} x ${source} + ${target}${hasSegments ? " packed" : ""}${lossRows === undefined ? "" : `, ${lossRows} count`}`;
    const known = this.#byShape.get(name);
    if (known) {
      this.#byShape.delete(name);
      this.#byShape.set(name, known); // the latest again
      return known;
    }
    for (const [oldest, program] of this.#byShape) {
      if (this.#byShape.size < this.most) break;
      program.dispose(); // its work is submitted: the device finishes it
      this.#byShape.delete(oldest);
    }
    const made = this.make(shape, name);
    this.#byShape.set(name, made);
    this.#captured++;
    return made;
  }

  dispose(): void {
    for (const program of this.#byShape.values()) program.dispose();
    this.#byShape.clear();
  }
}

/** The shape of a batch, and its labels with which rows they are of: i32 [lossRows] or, where nearly all count, [rows * target]. */
export function countedShape(
  model: TrainingModel,
  batch: MicroBatch,
  skipsIgnored = true,
): { shape: MicroShape; picked: Record<string, Int32Array> } {
  const { rows, source, target } = batch;
  const dims = { rows, source, target, hasSegments: batch.segments !== undefined };
  const labels = model.labels(batch);
  const counted = skipsIgnored ? countedRows(labels) : null;
  if (!counted) return { shape: dims, picked: { labels } };
  const { capacity, indices, inverse } = counted;
  return { shape: { ...dims, lossRows: capacity }, picked: { indices, inverse, labels: counted.labels } };
}

/** The inputs that a program of this shape takes. */
export function inputSpecs(model: TrainingModel, shape: MicroShape): Record<string, InputSpec> {
  const i32 = (dims: readonly number[]): InputSpec => ({ shape: dims, dtype: "i32" });
  const { rows, target, lossRows } = shape;
  const all = rows * target; // OPT's source and target are the same positions
  return {
    ...Object.fromEntries(Object.entries(model.shapes(shape)).map(([name, dims]) => [name, i32(dims)])),
    ...(lossRows === undefined ? {} : { indices: i32([lossRows]), inverse: i32([all]) }),
    labels: i32([lossRows ?? all]),
  };
}

/** Hidden states of the rows that count, [lossRows or rows * target, width] */
export function countedHidden(
  model: TrainingModel,
  { rows, target }: MicroShape,
  { indices, inverse, ...batch }: Readonly<Record<string, Tensor>>,
): Tensor {
  const hidden = model.hidden(batch); // [rows, target, width]
  const everyRow = reshape(hidden, [rows * target, hidden.shape.at(-1)!]);
  return indices && inverse ? selectRows(everyRow, indices, inverse) : everyRow;
}
