import { planAdamW, planRowSum, planSumSquares, sumSquaresBlocks } from "@attune/kernels-wgsl";
import type { Storage } from "../device/storage.js";
import { OpContext } from "../op.js";
import type { ProgramState } from "../programState.js";
import { persistent, type Tensor } from "../tensor.js";
import type { ParameterSet } from "./parameterSet.js";

export interface AdamWOptions {
  beta1?: number;
  beta2?: number;
  eps?: number;
  weightDecay?: number;
  /** Largest norm of the whole gradient; 0 does not clip. */
  clipNorm?: number;
}

/**
 * AdamW (Loshchilov & Hutter 2019) with torch's defaults and arithmetic, over arenas: the norm, clipping and step of all parameters
 * take a handful of dispatches and no read-back. `step` may be captured: learning rate and bias corrections are read from the
 * ProgramState; call `stateFor(t, lr)` for the values to set before step t = 1, 2, ...
 */
export class AdamW {
  readonly options: Required<AdamWOptions>;
  /** First and second moments, one pair a range of the ParameterSet. */
  readonly moments: readonly { readonly m: Storage; readonly v: Storage }[];
  /** f32 [1]: norm of the whole gradient before clipping, written by each step. */
  readonly norm: Tensor;

  constructor(
    readonly parameters: ParameterSet,
    options: AdamWOptions = {},
  ) {
    this.options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01, clipNorm: 1, ...options };
    const { device } = parameters;
    this.moments = parameters.ranges.map(({ count }) => ({
      m: device.persistent(count * 4, "adamw.m", "optimizer"),
      v: device.persistent(count * 4, "adamw.v", "optimizer"),
    }));
    this.norm = persistent(device, [1], { label: "gradient norm", category: "optimizer" });
  }

  /** ProgramState fields for update number t (counted from 1). */
  stateFor(t: number, lr: number): { step: number; lr: number; correction1: number; correction2: number } {
    const { beta1, beta2 } = this.options;
    return { step: t - 1, lr, correction1: 1 - beta1 ** t, correction2: 1 - beta2 ** t };
  }

  /** Appends the update to the stream: gradients are read, not cleared. */
  step(state: ProgramState): void {
    const { ranges, device } = this.parameters;
    const ctx = new OpContext(device, "adamW");
    const blocks = ranges.map(({ count }) => sumSquaresBlocks(count));
    const total = blocks.reduce((sum, count) => sum + count, 0);
    const partial = ctx.empty([total]);
    let first = 0;
    ranges.forEach(({ grad, count }, i) => {
      ctx.run(planSumSquares({ count, first }, ctx.facts), { x: grad, partial });
      first += blocks[i]!;
    });
    ctx.run(planRowSum({ rows: 1, cols: total, root: true }, ctx.facts), { x: partial, y: this.norm });
    const { weightDecay, clipNorm, beta1, beta2, eps } = this.options;
    ranges.forEach(({ data, grad, count, decays }, i) => {
      const call = planAdamW({ count, decay: decays ? weightDecay : 0, beta1, beta2, eps, clip: clipNorm }, ctx.facts);
      ctx.run(call, { g: grad, norm: this.norm, state: state.tensor, p: data, m: this.moments[i]!.m, v: this.moments[i]!.v });
    });
  }

  dispose(): void {
    for (const { m, v } of this.moments) {
      this.parameters.device.release(m);
      this.parameters.device.release(v);
    }
    this.norm.dispose();
  }
}
