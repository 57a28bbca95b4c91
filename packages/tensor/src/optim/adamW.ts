import { planAdamW } from "@attune/kernels-wgsl";
import type { Storage } from "../device/storage.js";
import { OpContext } from "../op.js";
import type { ParameterSet } from "./parameterSet.js";
import { UpdateControl, type UpdateOptions } from "./update.js";

export interface AdamWOptions extends UpdateOptions {
  beta1?: number;
  beta2?: number;
  eps?: number;
  weightDecay?: number;
}

/**
 * AdamW (Loshchilov & Hutter 2019) with torch's defaults and arithmetic, over arenas: the norm, clipping and step of all parameters
 * take three dispatches an arena (one, as a rule) and no read-back. `step` may be captured: learning rate and bias corrections are
 * those that `schedule(t, lr)` set before attempt t = 1, 2, ...
 */
export class AdamW {
  readonly options: Required<Omit<AdamWOptions, "lossScale">> & Pick<AdamWOptions, "lossScale">;
  /** First and second moments, one pair a range of the ParameterSet. */
  readonly moments: readonly { readonly m: Storage; readonly v: Storage }[];
  /** Clipping, loss scale and the count of updates. */
  readonly control: UpdateControl;

  constructor(
    readonly parameters: ParameterSet,
    options: AdamWOptions = {},
  ) {
    this.options = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0.01, clipNorm: 1, skipNonFinite: true, ...options };
    const { device } = parameters;
    this.moments = parameters.ranges.map(({ count }) => ({
      m: device.persistent(count * 4, "adamw.m", "optimizer"),
      v: device.persistent(count * 4, "adamw.v", "optimizer"),
    }));
    this.control = new UpdateControl(parameters, this.options);
  }

  /** Sets what update t (from 1) takes: call it before the t-th step. */
  schedule(t: number, lr: number): void {
    const { beta1, beta2 } = this.options;
    this.control.schedule(t, [lr, 1 - beta1 ** t, 1 - beta2 ** t]);
  }

  /** Appends the update to the stream: gradients are read, not cleared. */
  step(): void {
    const ctx = new OpContext(this.parameters.device, "adamW");
    this.control.decide(ctx);
    const { weightDecay: decay, beta1, beta2, eps } = this.options;
    this.parameters.ranges.forEach(({ data, grad, count, decayed }, i) => {
      const call = planAdamW({ count, decayed, decay, beta1, beta2, eps }, ctx.facts);
      ctx.run(call, { g: grad, step: this.control.step, p: data, m: this.moments[i]!.m, v: this.moments[i]!.v });
    });
  }

  /** What updates depend on besides weights and the control's counts: f32, as they lie in the arenas. */
  get stored(): readonly { readonly name: string; readonly storage: Storage }[] {
    return this.moments.flatMap(({ m, v }, i) => [
      { name: `adamw.m.${i}`, storage: m },
      { name: `adamw.v.${i}`, storage: v },
    ]);
  }

  dispose(): void {
    for (const { m, v } of this.moments) {
      this.parameters.device.release(m);
      this.parameters.device.release(v);
    }
    this.control.dispose();
  }
}
