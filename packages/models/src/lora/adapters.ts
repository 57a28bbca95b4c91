// Several adapters over one base. The base is on the device once; an adapter is a view of the model with other layers beside its
// weights, so that switching costs nothing and what was captured with one adapter stays right.

import type { Device } from "@attune/tensor";
import { printable, usageError } from "../errors.js";
import type { Adapter } from "./adapterFiles.js";
import { type LoraBase, type LoraLayers, loadLora } from "./layers.js";

/** What takes an adapter: T5 and Opt. */
export interface Adaptable<M> {
  with(options: { lora: LoraLayers | null }): M;
}

export class Adapters<M extends Adaptable<M>> {
  readonly #views = new Map<string, { lora: LoraLayers; model: M }>();
  #active: string | null = null;

  constructor(
    readonly device: Device,
    /** Without any adapter. */
    readonly base: M,
    readonly weights: LoraBase,
  ) {}

  get names(): string[] {
    return [...this.#views.keys()];
  }

  /** The name of the one in use; null: the base alone. */
  get active(): string | null {
    return this.#active;
  }

  /** The model as it computes now. Programs captured with it keep its adapter. */
  get model(): M {
    return this.#active === null ? this.base : this.#views.get(this.#active)!.model;
  }

  /** Puts an adapter on the device under a name, and does not use it yet. Throws (usage) for a name that is taken. */
  add(name: string, adapter: Adapter): LoraLayers {
    if (this.#views.has(name))
      throw usageError(`adapter "${printable(name)}" is loaded already; remove it, or take another name`);
    const lora = loadLora(this.device, adapter, this.weights);
    this.#views.set(name, { lora, model: this.base.with({ lora }) });
    return lora;
  }

  /** Uses one of them, or none. Throws (usage) for a name that is not loaded. */
  set(name: string | null): M {
    if (name !== null && !this.#views.has(name))
      throw usageError(`no adapter named "${printable(name)}"; loaded are ${this.names.join(", ") || "none"}`);
    this.#active = name;
    return this.model;
  }

  /** Frees one; the base alone is used if it was in use. */
  remove(name: string): void {
    this.#views.get(name)?.lora.dispose();
    this.#views.delete(name);
    if (this.#active === name) this.#active = null;
  }

  dispose(): void {
    for (const name of this.names) this.remove(name);
  }
}

/**
 * One adapter that computes the weighted sum of several (PEFT's add_weighted_adapter with "cat"): their ranks side by side, weight and
 * scale within B. Exact, and an adapter like any other. Throws (usage) for DoRA and for trained copies, whose sum is none.
 */
export function sumAdapters(parts: readonly { adapter: Adapter; weight: number }[]): Adapter {
  const [first] = parts;
  if (!first) throw usageError("sumAdapters: no adapters");
  for (const { adapter, weight } of parts) {
    if (!Number.isFinite(weight)) throw usageError(`sumAdapters: a weight is ${weight}; expected a number`);
    if (adapter.config.useDora || adapter.own.length > 0)
      throw usageError(
        "sumAdapters: adapters with DoRA, modules_to_save or trained biases have no sum; merge them one after the other",
      );
  }
  const paths = [...new Set(parts.flatMap(({ adapter }) => adapter.modules.map(({ path }) => path)))];
  const modules = paths.map((path) => {
    const found = parts.flatMap(({ adapter, weight }) =>
      adapter.modules.filter((module) => module.path === path).map((module) => ({ ...module, factor: weight * module.scale })),
    );
    const rank = found.reduce((total, module) => total + module.rank, 0);
    const [outputs, inputs] = [found[0]!.b.length / found[0]!.rank, found[0]!.a.length / found[0]!.rank];
    const a = new Float32Array(rank * inputs); // the rows of each A, one below the other
    const b = new Float32Array(outputs * rank); // the columns of each B, side by side
    let at = 0;
    for (const module of found) {
      if (module.a.length !== module.rank * inputs || module.b.length !== module.rank * outputs)
        throw usageError(`sumAdapters: ${path} has other sizes in one of the adapters; they are of different models`);
      a.set(module.a, at * inputs);
      for (let o = 0; o < outputs; o++)
        for (let r = 0; r < module.rank; r++) b[o * rank + at + r] = module.factor * module.b[o * module.rank + r]!;
      at += module.rank;
    }
    return { path, rank, scale: 1, a, b };
  });
  // scale 1 is alpha = rank, module by module
  const ranks = Object.fromEntries(modules.map(({ path, rank }) => [path.replaceAll(".", "\\."), rank]));
  const rank = modules[0]!.rank;
  const isUniform = modules.every((module) => module.rank === rank);
  const config = {
    ...first.adapter.config,
    rank,
    alpha: rank,
    dropout: 0,
    useRslora: false,
    targetModules: paths,
    excludeModules: null,
    layersToTransform: null,
    layersPattern: null,
    rankPattern: isUniform ? {} : ranks,
    alphaPattern: isUniform ? {} : ranks,
  };
  return { config, modules, own: [] };
}
