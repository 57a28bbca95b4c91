// What a training loop asks of a model, whatever its kind: which arrays a batch becomes, and the losses of its labels.
import type { CrossEntropyOptions, ProgramState, Shape, Tensor } from "@attune/tensor";
import { dataError } from "./errors.js";
import type { LoraLayers } from "./lora/layers.js";
import { OPT_POSITION_OFFSET } from "./opt/config.js";
import { type Opt, optPositions, shiftLeft } from "./opt/opt.js";
import { shiftRight, T5 } from "./t5/t5.js";
import type { Batch } from "./text/collate.js";

/** A batch as a captured program reads it: i32 arrays by name. */
export type TrainingArrays = Readonly<Record<string, Int32Array>>;
export type TrainingBatch = Omit<Batch, "realRows">;
export type BatchDims = Pick<Batch, "rows" | "source" | "target"> & { hasSegments?: boolean };

export interface TrainingOptions {
  lora: LoraLayers | null;
  /** 0 too means training: LoRA's own dropout draws from the state. */
  dropout: { p: number; state: ProgramState };
  gradientCheckpointing?: boolean;
}

export interface TrainingModel {
  readonly vocabSize: number;
  /** The model with an adapter and dropout. */
  train(options: TrainingOptions): TrainingModel;
  /** Shapes of the arrays of a batch. */
  shapes(dims: BatchDims): Readonly<Record<string, Shape>>;
  arrays(batch: TrainingBatch): TrainingArrays;
  /** Labels [rows * positions] as the rows of `hidden` want them: OPT's are the ids that follow. */
  labels(batch: TrainingBatch): Int32Array;
  /** Positions that a batch of these dims takes through the model, padding included. */
  positions(dims: BatchDims): number;
  /** [rows, positions, width], what the head projects to the vocabulary */
  hidden(inputs: Readonly<Record<string, Tensor>>): Tensor;
  /** Losses [rows] of hidden rows [rows, width] */
  losses(hidden: Tensor, labels: Tensor, options?: CrossEntropyOptions): Tensor;
}

export function trainingModel(model: T5 | Opt): TrainingModel {
  return model instanceof T5 ? t5Training(model) : optTraining(model);
}

function t5Training(model: T5): TrainingModel {
  const { config } = model;
  return {
    vocabSize: config.vocabSize,
    train: (options) => t5Training(model.with(options)),
    shapes: ({ rows, source, target }) => ({
      inputIds: [rows, source],
      attentionMask: [rows, source],
      decoderInputIds: [rows, target],
    }),
    arrays: ({ inputIds, attentionMask, labels, target }) => ({
      inputIds,
      attentionMask,
      decoderInputIds: shiftRight(labels, target, config),
    }),
    labels: ({ labels }) => labels,
    positions: ({ rows, source, target }) => rows * (source + target),
    hidden: ({ inputIds, attentionMask, decoderInputIds }) =>
      model.decode(decoderInputIds!, model.encode(inputIds!, attentionMask!), attentionMask!),
    losses: (hidden, labels, options) => model.losses(hidden, labels, options),
  };
}

function optTraining(model: Opt): TrainingModel {
  const { config } = model;
  return {
    vocabSize: config.vocabSize,
    train: ({ dropout, ...options }) =>
      optTraining(model.with({ ...options, dropout: { ...dropout, attention: dropout.p > 0 ? config.attentionDropout : 0 } })),
    shapes: ({ rows, source, hasSegments = false }) => ({
      inputIds: [rows, source],
      attentionMask: [rows, source],
      positionIds: [rows, source],
      ...(hasSegments ? { segments: [rows, source] } : {}),
    }),
    arrays: ({ inputIds, attentionMask, source, segments }) => {
      const positionIds = optPositions(attentionMask, source, segments);
      const longest = positionIds.reduce((most, id) => Math.max(most, id), 0) - OPT_POSITION_OFFSET + 1;
      if (longest > config.maxPositionEmbeddings) {
        throw dataError(
          `a sequence has ${longest} tokens, and the model's positions end at ${config.maxPositionEmbeddings} (max_position_embeddings): cut it, or pack shorter ones`,
        );
      }
      return { inputIds, attentionMask, positionIds, ...(segments ? { segments } : {}) };
    },
    labels: ({ labels, source, segments }) => shiftLeft(labels, source, segments),
    positions: ({ rows, source }) => rows * source,
    hidden: ({ inputIds, attentionMask, positionIds, segments = null }) =>
      model.decode({ inputIds: inputIds!, attentionMask: attentionMask!, positionIds: positionIds!, segments }),
    losses: (hidden, labels, options) => model.losses(hidden, labels, options),
  };
}

/** Rows of the hidden states whose labels count, padded to a capacity, so that the vocabulary is computed for no other. */
export interface CountedRows {
  capacity: number;
  /** i32 [capacity]: row of each counted label; -1 in the padding */
  indices: Int32Array;
  /** i32 [rows]: place of each row among the counted ones, or -1 */
  inverse: Int32Array;
  /** i32 [capacity]: labels of the counted rows; -100 in the padding */
  labels: Int32Array;
}

/**
 * Picks the rows that count. Capacities are few, as every one is a captured program: all rows, or 4/5 of the one before, in eights.
 * null where nearly all rows count: then picking them costs more than it saves.
 */
export function countedRows(labels: Int32Array): CountedRows | null {
  const counted = labels.reduce((sum, label) => sum + (label >= 0 ? 1 : 0), 0);
  const capacity = capacityFor(counted, labels.length);
  if (capacity >= labels.length) return null;
  const rows: CountedRows = {
    capacity,
    indices: new Int32Array(capacity).fill(-1),
    inverse: new Int32Array(labels.length).fill(-1),
    labels: new Int32Array(capacity).fill(-100),
  };
  let place = 0;
  labels.forEach((label, row) => {
    if (label < 0) return;
    rows.indices[place] = row;
    rows.inverse[row] = place;
    rows.labels[place] = label;
    place++;
  });
  return rows;
}

/** The smallest capacity that holds `counted` of `total` rows. */
export function capacityFor(counted: number, total: number): number {
  let capacity = total;
  for (;;) {
    const less = Math.max(8, Math.min(capacity - 8, Math.ceil((capacity * 0.8) / 8) * 8)); // at least a step of eight
    if (less < counted || less >= capacity) return capacity;
    capacity = less;
  }
}
