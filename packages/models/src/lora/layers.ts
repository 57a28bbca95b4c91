// LoRA (Hu et al. 2021) as PEFT computes it: y = x W^T + scale * dropout(x) A^T B^T beside frozen linear weights. The product
// B A is never formed; A is [rank, in], B [out, rank], scale = alpha / rank.
import { type Device, dropout, linear, ParameterSet, type ProgramState, type Tensor } from "@attune/tensor";
import { siteOf } from "../dropoutSite.js";

/** A linear weight that gets a LoRA layer. */
export interface LoraTarget {
  /** Module path, without ".weight". */
  path: string;
  in: number;
  out: number;
}

export interface LoraOptions {
  rank: number;
  alpha: number;
  /** On LoRA's input, while training. */
  dropout: number;
}

export class LoraLayers {
  /** A and B of every target, named PATH.lora_A.weight and PATH.lora_B.weight; B starts at zero, A must be written. */
  readonly parameters: ParameterSet;
  readonly scale: number;
  /** Set while training: draws the dropout. */
  state: ProgramState | null = null;

  constructor(
    device: Device,
    readonly targets: readonly LoraTarget[],
    readonly options: LoraOptions,
  ) {
    const { rank, alpha } = options;
    this.scale = alpha / rank;
    this.parameters = new ParameterSet(
      device,
      targets.flatMap(({ path, in: inputs, out }) => [
        { name: `${path}.lora_A.weight`, shape: [rank, inputs], decays: true },
        { name: `${path}.lora_B.weight`, shape: [out, rank], decays: true },
      ]),
    );
  }

  /** LoRA's part of the projection by `path`, to be added times `scale`; null where the adapter has none. */
  delta(path: string, x: Tensor): { value: Tensor; scale: number } | null {
    const a = this.parameters.parameters.get(`${path}.lora_A.weight`);
    const b = this.parameters.parameters.get(`${path}.lora_B.weight`);
    if (!a || !b) return null;
    const { dropout: p } = this.options;
    const input = this.state && p > 0 ? dropout(x, { p, site: siteOf(`${path}.lora`), state: this.state }) : x;
    return { value: linear(linear(input, a), b), scale: this.scale };
  }
}
