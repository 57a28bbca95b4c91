// LoRA (Hu et al. 2021) as PEFT computes it: y = x W^T + scale * dropout(x) A^T B^T beside frozen linear weights. The product
// B A is never formed; A is [rank, in], B [out, rank]. Rank and scale of each layer follow from the config (adapterScale). DoRA's
// rescaling is in dora.ts; weights that the adapter has a trained copy of (ownWeights) stand in place of the base's.
import {
  accumulateInto,
  add,
  affine,
  type Device,
  div,
  dropout,
  embedding,
  linear,
  mul,
  noGrad,
  ParameterSet,
  type ProgramState,
  persistent,
  type Tensor,
  TensorError,
  tensor,
} from "@attune/tensor";
import { siteOf } from "../dropoutSite.js";
import type { WeightSpec } from "../pretrained.js";
import { adapterScale, type LoraConfig } from "./adapterConfig.js";
import type { Adapter, AdapterModule } from "./adapterFiles.js";
import { adaptedNorms, identityValues, rowSquares } from "./dora.js";
import { initialAdapters } from "./initialValues.js";
import { type OwnWeight, ownWeights } from "./ownWeights.js";
import { type LinearModule, selectTargets } from "./targets.js";

/** A linear weight that gets a LoRA layer. */
export interface LoraTarget extends LinearModule {
  rank: number;
  /** The factor of B A x. */
  scale: number;
}

/** The model beside which an adapter stands. Plain LoRA does without; DoRA, modules_to_save and trained biases need it. */
export interface LoraBase {
  /** All weights of the model, in its order. */
  specs: readonly WeightSpec[];
  /** The same on the device. */
  weights: ReadonlyMap<string, Tensor>;
}

/** What the base computed of a projection. */
export interface BaseProjection {
  /** [..., out] = x W^T, without bias */
  y: Tensor;
  /** W [out, in] */
  weight: Tensor;
  /** [out], to be added */
  bias: Tensor | null;
}

type Part = "lora_A.weight" | "lora_B.weight" | "lora_magnitude_vector";

export class LoraLayers {
  /** A, B and magnitudes of every target, named PATH.lora_A.weight and so on, and copies under their base weight's name; all zero until written. */
  readonly parameters: ParameterSet;
  readonly targets: readonly LoraTarget[];
  /** Base weights that this adapter has copies of. */
  readonly own: readonly OwnWeight[];
  readonly #targets: ReadonlyMap<string, LoraTarget>;
  readonly #owned: ReadonlySet<string>;
  /** DoRA: squared norms of the base's rows by path, and an identity by rank. */
  readonly #squares = new Map<string, Tensor>();
  readonly #identities = new Map<number, Tensor>();

  constructor(
    readonly device: Device,
    readonly config: LoraConfig,
    modules: readonly LinearModule[],
    base: LoraBase | null = null,
  ) {
    this.targets = modules.map(({ path, inFeatures, outFeatures }) => {
      const { rank, scale } = adapterScale(config, path);
      return { path, inFeatures, outFeatures, rank, scale };
    });
    this.#targets = new Map(this.targets.map((target) => [target.path, target]));
    const paths = [...this.#targets.keys()];
    this.own = ownWeights(config, base?.specs ?? [], paths);
    this.#owned = new Set(this.own.map(({ name }) => name));
    this.parameters = new ParameterSet(device, [
      ...this.targets.flatMap(({ path, rank, inFeatures, outFeatures }) => [
        { name: nameOf(path, "lora_A.weight"), shape: [rank, inFeatures], decays: true },
        { name: nameOf(path, "lora_B.weight"), shape: [outFeatures, rank], decays: true },
        ...(config.useDora ? [{ name: nameOf(path, "lora_magnitude_vector"), shape: [outFeatures], decays: true }] : []),
      ]),
      ...this.own.map(({ name, shape, kind }) => ({ name, shape, decays: kind === "linear" || kind === "embedding" })),
    ]);
    if (config.useDora) this.#measure(base);
  }

  /** Whether the adapter has a layer beside this weight. */
  adapts(path: string): boolean {
    return this.#targets.has(path);
  }

  /** The adapter's own copy of a base weight, or null. */
  weight(name: string): Tensor | null {
    return this.#owned.has(name) ? this.parameters.get(name) : null;
  }

  /**
   * The projection by `path` with its bias and, where the adapter has a layer for it, that layer's part: [..., out] of x [..., in].
   * @param training draws the config's dropout; null: evaluation, nothing is dropped
   */
  project(path: string, x: Tensor, { y, weight, bias }: BaseProjection, training: ProgramState | null): Tensor {
    const whole = bias ? add(y, bias) : y;
    const target = this.#targets.get(path);
    if (!target) return whole;
    const { dropout: p } = this.config;
    const isDropped = training !== null && p > 0;
    const input = isDropped ? dropout(x, { p, site: siteOf(`${path}.lora`), state: training }) : x;
    const [a, b] = [this.#get(path, "lora_A.weight"), this.#get(path, "lora_B.weight")];
    const delta = linear(affine(linear(input, a), target.scale), b); // [..., out]; scaled at the rank, where it is next to nothing
    if (!this.config.useDora) return add(whole, delta);
    const factor = div(this.#get(path, "lora_magnitude_vector"), this.#norms(target, weight)); // [out]
    if (isDropped) {
      // the base's part is rescaled for what was not dropped alone
      const extra = add(mul(linear(input, weight), affine(factor, 1, -1)), mul(delta, factor));
      return add(whole, extra);
    }
    const scaled = mul(add(y, delta), factor);
    return bias ? add(scaled, bias) : scaled;
  }

  /** Overwrites one layer. a [rank, inFeatures], b [outFeatures, rank], magnitude [outFeatures]; what is left out stays as it is. */
  write(path: string, a: Float32Array, b?: Float32Array | null, magnitude?: Float32Array): void {
    this.#get(path, "lora_A.weight").write(a);
    if (b) this.#get(path, "lora_B.weight").write(b);
    if (magnitude) this.#get(path, "lora_magnitude_vector").write(magnitude);
  }

  /** Sets every magnitude to the norm that its row has with A and B as they are (PEFT's first value), and copies own weights from the base. */
  begin(base: LoraBase): void {
    const { device } = this;
    for (const { name, source } of this.own) copyInto(base.weights.get(source)!, this.parameters.get(name));
    if (!this.config.useDora) return;
    for (const target of this.targets) {
      device.scope(() => {
        const norms = this.#norms(target, base.weights.get(`${target.path}.weight`)!);
        copyInto(norms, this.#get(target.path, "lora_magnitude_vector"));
      });
    }
  }

  /** The values as they are now, for writeAdapter. Waits for the device. */
  async read(): Promise<Adapter> {
    const values = async (name: string): Promise<Float32Array> =>
      (await this.parameters.get(name).toArray()).slice() as Float32Array;
    const modules: AdapterModule[] = [];
    for (const { path, rank, scale } of this.targets) {
      const [a, b] = [await values(nameOf(path, "lora_A.weight")), await values(nameOf(path, "lora_B.weight"))];
      const magnitude = this.config.useDora ? { magnitude: await values(nameOf(path, "lora_magnitude_vector")) } : {};
      modules.push({ path, rank, scale, a, b, ...magnitude });
    }
    const own = [];
    for (const weight of this.own) own.push({ ...weight, values: await values(weight.name) });
    return { config: this.config, modules, own };
  }

  dispose(): void {
    this.parameters.dispose();
    for (const held of [...this.#squares.values(), ...this.#identities.values()]) held.dispose();
  }

  #get(path: string, part: Part): Tensor {
    return this.parameters.get(nameOf(path, part));
  }

  #norms({ path, rank, scale }: LoraTarget, weight: Tensor): Tensor {
    const [a, b] = [this.#get(path, "lora_A.weight"), this.#get(path, "lora_B.weight")];
    const [squares, identity] = [this.#squares.get(path)!, this.#identities.get(rank)!];
    return adaptedNorms({ weight, squares, a, b, identity, scale });
  }

  /** What of DoRA's norms stays the same while A and B change. */
  #measure(base: LoraBase | null): void {
    for (const { path, rank } of this.targets) {
      const weight = base?.weights.get(`${path}.weight`);
      if (!weight) throw new TensorError(`LoRA: use_dora needs the base model's weight ${path}.weight; pass the base`);
      this.#squares.set(path, rowSquares(weight));
      if (!this.#identities.has(rank)) {
        const values = identityValues(rank);
        this.#identities.set(rank, persistent(this.device, [rank, rank], { label: `identity ${rank}`, values }));
      }
    }
  }
}

/** into [...] = from [...], f32 or packed halves; `into` is zero before. */
function copyInto(from: Tensor, into: Tensor): void {
  const { device } = into;
  device.scope(() =>
    noGrad(() => {
      const isPacked = from.dtype !== "f32";
      const rows = isPacked ? Int32Array.from({ length: from.shape[0]! }, (_, i) => i) : null;
      accumulateInto(rows ? embedding(from, tensor(device, rows, [rows.length])) : from, into);
    }),
  );
}

/**
 * Layers to begin training from, on those of `linears` that the config targets: A random as PEFT draws it, B zero (see initialAdapters),
 * magnitudes and own weights those of the base. @throws TensorError, or an error (data, usage), where the config needs a base and has none
 */
export function freshLora(
  device: Device,
  config: LoraConfig,
  linears: readonly LinearModule[],
  seed: number,
  base: LoraBase | null = null,
): LoraLayers {
  const layers = new LoraLayers(device, config, selectTargets(config, linears), base);
  for (const { path, a, b } of initialAdapters(layers.targets, seed, config.initialization)) layers.write(path, a, b);
  if (base) layers.begin(base);
  return layers;
}

/** Puts an adapter (readAdapter) on a device. @throws TensorError, or an error (data), where it needs a base and has none */
export function loadLora(device: Device, { config, modules, own }: Adapter, base: LoraBase | null = null): LoraLayers {
  const sizes = modules.map(({ path, rank, a, b }) => ({ path, inFeatures: a.length / rank, outFeatures: b.length / rank }));
  const layers = new LoraLayers(device, config, sizes, base);
  for (const { path, a, b, magnitude } of modules) layers.write(path, a, b, magnitude);
  for (const { name, values } of own) layers.parameters.get(name).write(values);
  return layers;
}

function nameOf(path: string, part: Part): string {
  return `${path}.${part}`;
}
