// What the comparison asks of a model, whatever its kind.
import { type Checkpoint, dataError, type FileSource, openCheckpoint, readJsonObject } from "@attune/models";
import type { Device, ParameterSet, Tensor } from "@attune/tensor";
import { optRecord } from "./opt.js";
import type { ForwardCase } from "./record.js";
import { t5Record } from "./t5.js";

/** One forward case on the device. Appends to the stream, to be called within a scope. */
export interface ForwardRun {
  /** [batch, time, vocab] */
  logits: Tensor;
  /** Labels as the logits' rows want them (OPT's are shifted); null where the case has none. */
  labels: Tensor | null;
}

/** A model on the device, as the comparison drives it. */
export interface VerifiedModel {
  weights: ReadonlyMap<string, Tensor>;
  trainable: ParameterSet;
  /** @param onHidden told of hidden states under the record's names */
  forward(forwardCase: ForwardCase, onHidden?: (name: string, hidden: Tensor) => void): ForwardRun;
  /** The mask that says which logits and hidden states mean something, where the record compares not all of them. */
  visible(forwardCase: ForwardCase): Int32Array;
  /** Greedy ids of rows, or null where this version does not generate with the model. */
  greedy: ((inputIds: Int32Array, mask: Int32Array, rows: number, maxNewTokens: number) => Promise<number[][]>) | null;
  dispose(): void;
}

/** A model folder whose config and weights fit together; nothing is on a device yet. */
export interface OpenedModel {
  /** Logits without scaling before the head are larger sums: eager against fused attention alone differs by 1e-5 then. */
  valuesBound: number;
  load(device: Device): Promise<VerifiedModel>;
}

type Opener = (config: Record<string, unknown>, where: string, checkpoint: Checkpoint) => Promise<OpenedModel> | OpenedModel;
const OPENERS: Readonly<Record<string, Opener>> = { t5: t5Record, opt: optRecord };

/** Reads all but the weights' values, without a device. Throws (data) where the folder is no readable model. */
export async function openModel(source: FileSource): Promise<OpenedModel> {
  const config = await readJsonObject(source, "config.json");
  const where = source.describe("config.json");
  const open = OPENERS[String(config.model_type ?? "t5")];
  if (!open) throw dataError(`${where}: model_type is ${JSON.stringify(config.model_type)}; supported are "t5" and "opt"`);
  return open(config, where, await openCheckpoint(source));
}
