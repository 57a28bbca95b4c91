// What the comparison asks of a model, whatever its kind.
import type { LinearModule, LoraLayers, Opt, T5, WeightSpec } from "@attune/models";
import type { Device, ParameterSet, Tensor } from "@attune/tensor";
import type { ForwardCase } from "./record.js";

/** One forward case on the device. Appends to the stream, to be called within a scope. */
export interface ForwardRun {
  /** [batch, time, vocab] */
  logits: Tensor;
  /** Labels as the logits' rows want them (OPT's are shifted); null where the case has none. */
  labels: Tensor | null;
}

type HiddenByName = (name: string, hidden: Tensor) => void;

/** A model on the device, as the comparison drives it. */
export interface VerifiedModel {
  model: T5 | Opt;
  weights: ReadonlyMap<string, Tensor>;
  /** null where the weights are frozen. */
  trainable: ParameterSet | null;
  /**
   * @param onHidden told of hidden states under the record's names
   * @param lora an adapter beside the weights
   */
  forward(forwardCase: ForwardCase, onHidden?: HiddenByName | null, lora?: LoraLayers | null): ForwardRun;
  /** The mask that says which logits and hidden states mean something, where the record compares not all of them. */
  visible(forwardCase: ForwardCase): Int32Array;
  dispose(): void;
}

/** A model folder whose config and weights fit together; nothing is on a device yet. */
export interface OpenedModel {
  /** Logits without scaling before the head are larger sums: eager against fused attention alone differs by 1e-5 then. */
  valuesBound: number;
  /** What an adapter can stand beside, in the order of torch's modules. */
  linears: readonly LinearModule[];
  /** All of its weights. */
  specs: readonly WeightSpec[];
  load(device: Device, isTrainable: boolean): Promise<VerifiedModel>;
}

export function disposeWeights(weights: ReadonlyMap<string, Tensor>, trainable: ParameterSet | null): void {
  if (trainable) trainable.dispose();
  else for (const weight of weights.values()) weight.dispose();
}

/** Which values of a tensor [batch, time, ...] the record vouches for: all, or those at visible positions. */
export function meaningful(model: VerifiedModel, forwardCase: ForwardCase, length: number): (_: number, i: number) => boolean {
  if (forwardCase.comparesAllLogits) return () => true;
  const mask = model.visible(forwardCase);
  const width = length / mask.length;
  return (_, i) => mask[Math.floor(i / width)] === 1;
}
