import {
  type AdafactorGroup,
  type AdafactorLayout,
  layoutAdafactor,
  planAdafactorApply,
  planAdafactorSquares,
  planAdafactorStats,
  planAdafactorTotals,
} from "@attune/kernels-wgsl";
import type { Storage } from "../device/storage.js";
import { TensorError } from "../errors.js";
import { OpContext } from "../op.js";
import { show } from "../shape.js";
import { persistent, type Tensor } from "../tensor.js";
import type { ArenaRange, ParameterSet } from "./parameterSet.js";
import { UpdateControl, type UpdateOptions } from "./update.js";

/** Names and defaults as in transformers' Adafactor; `clipNorm` is the global clipping before it (0: none). */
export interface AdafactorOptions extends UpdateOptions {
  /** A learning rate of its own, min(1e-2, 1/sqrt(t)), instead of the one given: true unless said otherwise. */
  relativeStep?: boolean;
  /** With relativeStep: from 1e-6 t on. */
  warmupInit?: boolean;
  /** Multiplies the learning rate by max(1e-3, RMS(p)) of each parameter. */
  scaleParameter?: boolean;
  /** Largest RMS of a parameter's update. */
  clipThreshold?: number;
  /** beta2 = 1 - t^decayRate */
  decayRate?: number;
  /** Of a running mean of updates; null: none, and no memory for it. */
  beta1?: number | null;
  weightDecay?: number;
}

/** Least RMS(p) that counts: eps[1] of transformers. */
const LEAST_SCALE = 1e-3;

interface Arena {
  readonly range: ArenaRange;
  readonly layout: AdafactorLayout;
  /** By group: what its dispatches bind. */
  readonly groups: readonly {
    readonly group: AdafactorGroup;
    readonly pieces: Tensor;
    readonly jobs: Tensor;
    readonly p: Storage;
    readonly g: Storage;
    readonly m: Storage | null;
  }[];
  readonly tensors: Tensor;
  /** Running mean squares: rows and columns of matrices, elements of vectors. */
  readonly second: Tensor;
  readonly moment: Storage | null;
}

/**
 * Adafactor (Shazeer & Stern 2018, arXiv 1804.04235) as transformers computes it: memory by rows and columns instead of by elements.
 * Norm, decision, statistics, squares, totals and application take six dispatches an arena for all parameters, and no read-back.
 */
export class Adafactor {
  readonly options: Required<Omit<AdafactorOptions, "lossScale">> & Pick<AdafactorOptions, "lossScale">;
  readonly control: UpdateControl;
  readonly arenas: readonly Arena[];

  constructor(
    readonly parameters: ParameterSet,
    options: AdafactorOptions = {},
  ) {
    const defaults = {
      relativeStep: true, warmupInit: false, scaleParameter: true, clipThreshold: 1, decayRate: -0.8, beta1: null,
      weightDecay: 0, clipNorm: 0, skipNonFinite: true,
    }; // biome-ignore format: by subject
    this.options = { ...defaults, ...options };
    if (this.options.warmupInit && !this.options.relativeStep) {
      throw new TensorError(
        "adafactor: warmupInit belongs to relativeStep, which is off. Turn it on, or warm up by the learning rate.",
      );
    }
    this.control = new UpdateControl(parameters, this.options);
    this.arenas = parameters.ranges.map((range) => this.#arena(range));
  }

  /** Sets what update t (from 1) takes; with relativeStep the learning rate given is not used. */
  schedule(t: number, lr: number): void {
    const { decayRate } = this.options;
    this.control.schedule(t, [this.learningRate(t, lr), 1 - t ** decayRate, t ** decayRate]);
  }

  /** The learning rate of update t (from 1), before the factor max(1e-3, RMS(p)) of each parameter. */
  learningRate(t: number, lr: number): number {
    const { relativeStep, warmupInit } = this.options;
    return relativeStep ? Math.min(warmupInit ? 1e-6 * t : 1e-2, 1 / Math.sqrt(t)) : lr;
  }

  /** Appends the update to the stream: gradients are read, not cleared. */
  step(): void {
    const { device } = this.parameters;
    const ctx = new OpContext(device, "adafactor");
    this.control.decide(ctx);
    const { step } = this.control;
    const { scaleParameter: scales, clipThreshold: threshold, beta1, weightDecay: decay } = this.options;
    for (const { layout, groups, tensors, second } of this.arenas) {
      const sums = ctx.empty([layout.rows, 2]);
      const totals = ctx.empty([layout.tensors.length / 4, 2]);
      for (const { group, pieces, jobs, p, g } of groups) {
        ctx.run(planAdafactorStats(group, ctx.facts), { jobs, pieces, g, p, step, second, sums });
      }
      for (const { group, pieces, jobs, g } of groups) {
        ctx.run(planAdafactorSquares(group, ctx.facts), { jobs, pieces, g, step, second, sums });
      }
      const sizes = { scales, floor: LEAST_SCALE, threshold };
      ctx.run(planAdafactorTotals(layout, sizes, ctx.facts), { tensors, second, sums, step, totals });
      for (const { group, pieces, jobs, p, g, m } of groups) {
        ctx.run(planAdafactorApply(group, { decay, beta1 }, ctx.facts), {
          jobs,
          pieces,
          g,
          step,
          second,
          totals,
          p,
          m: m ?? device.empty,
        });
      }
    }
  }

  /** What updates depend on besides weights and the control's counts: f32, as they lie in the arenas. */
  get stored(): readonly { readonly name: string; readonly storage: Storage }[] {
    return this.arenas.flatMap(({ second, moment }, i) => [
      { name: `adafactor.second.${i}`, storage: second.storage },
      ...(moment ? [{ name: `adafactor.m.${i}`, storage: moment }] : []),
    ]);
  }

  dispose(): void {
    for (const { groups, tensors, second, moment } of this.arenas) {
      for (const { pieces, jobs } of groups) for (const table of [pieces, jobs]) table.dispose();
      tensors.dispose();
      second.dispose();
      if (moment) this.parameters.device.release(moment);
    }
    this.control.dispose();
  }

  #arena(range: ArenaRange): Arena {
    const { device } = this.parameters;
    const layout = layoutAdafactor(
      range.places.map(({ name, shape, decays, offset }) => {
        if (shape.length > 2) throw new TensorError(`adafactor: ${name} ${show(shape)} is neither a matrix nor a vector`);
        const [rows, cols] = shape.length === 2 ? (shape as [number, number]) : [1, shape[0] ?? 1];
        return { rows, cols, isMatrix: shape.length === 2, decays, offset };
      }),
      device.facts,
    );
    const table = (words: Uint32Array, label: string): Tensor =>
      persistent(device, [words.length], { dtype: "u32", label: `adafactor.${label}`, category: "optimizer", values: words });
    const moment = this.options.beta1 === null ? null : device.persistent(range.count * 4, "adafactor.m", "optimizer");
    const groups = layout.groups.map((group) => {
      const cut = (of: Storage): Storage =>
        of.slice(4 * group.begin, Math.ceil((group.end - group.begin) / 4) * 16, "adafactor range");
      return {
        group,
        pieces: table(group.pieces, "pieces"),
        jobs: table(group.jobs, "jobs"),
        p: cut(range.data),
        g: cut(range.grad),
        m: moment && cut(moment),
      };
    });
    const second = persistent(device, [layout.second], { label: "adafactor.second", category: "optimizer" });
    return { range, layout, groups, tensors: table(layout.tensors, "tensors"), second, moment };
  }
}
