// LoRA (Hu et al. 2021) as PEFT computes it: y = x W^T + scale * dropout(x) A^T B^T beside frozen linear weights. The product
// B A is never formed; A is [rank, in], B [out, rank]. Rank and scale of each layer follow from the config (adapterScale).
import { affine, type Device, dropout, linear, ParameterSet, type ProgramState, type Tensor } from "@attune/tensor";
import { siteOf } from "../dropoutSite.js";
import { dataError } from "../errors.js";
import { adapterScale, type LoraConfig } from "./adapterConfig.js";
import type { Adapter, AdapterModule } from "./adapterFiles.js";
import { initialAdapters } from "./initialValues.js";
import { type LinearModule, matchTargets } from "./targets.js";

/** A linear weight that gets a LoRA layer. */
export interface LoraTarget extends LinearModule {
  rank: number;
  /** The factor of B A x. */
  scale: number;
}

export class LoraLayers {
  /** A and B of every target, named PATH.lora_A.weight and PATH.lora_B.weight; all zero until written. */
  readonly parameters: ParameterSet;
  readonly targets: readonly LoraTarget[];
  readonly #scales: ReadonlyMap<string, number>;

  constructor(
    device: Device,
    readonly config: LoraConfig,
    modules: readonly LinearModule[],
  ) {
    if (config.useDora) throw dataError("use_dora is true: this version computes LoRA and rsLoRA, not DoRA");
    this.targets = modules.map(({ path, inFeatures, outFeatures }) => {
      const { rank, scale } = adapterScale(config, path);
      return { path, inFeatures, outFeatures, rank, scale };
    });
    this.#scales = new Map(this.targets.map(({ path, scale }) => [path, scale]));
    this.parameters = new ParameterSet(
      device,
      this.targets.flatMap(({ path, rank, inFeatures, outFeatures }) => [
        { name: nameOf(path, "A"), shape: [rank, inFeatures], decays: true },
        { name: nameOf(path, "B"), shape: [outFeatures, rank], decays: true },
      ]),
    );
  }

  /** Whether the adapter has a layer beside this weight. */
  has(path: string): boolean {
    return this.#scales.has(path);
  }

  /**
   * LoRA's part of the projection by `path`, to be added; null where the adapter has none.
   * @param training draws the config's dropout; null: evaluation, nothing is dropped
   */
  delta(path: string, x: Tensor, training: ProgramState | null): Tensor | null {
    const scale = this.#scales.get(path);
    if (scale === undefined) return null;
    const { dropout: p } = this.config;
    const input = training && p > 0 ? dropout(x, { p, site: siteOf(`${path}.lora`), state: training }) : x;
    const [a, b] = [this.parameters.get(nameOf(path, "A")), this.parameters.get(nameOf(path, "B"))];
    return linear(affine(linear(input, a), scale), b); // scaled at the rank, where it is next to nothing
  }

  /** Overwrites one layer. a [rank, inFeatures], b [outFeatures, rank], row-major; b left out stays as it is. */
  write(path: string, a: Float32Array, b?: Float32Array): void {
    this.parameters.get(nameOf(path, "A")).write(a);
    if (b) this.parameters.get(nameOf(path, "B")).write(b);
  }

  /** The values as they are now, for writeAdapter. Waits for the device. */
  async read(): Promise<Adapter> {
    const values = async (name: string): Promise<Float32Array> =>
      (await this.parameters.get(name).toArray()).slice() as Float32Array;
    const modules: AdapterModule[] = [];
    for (const { path, rank, scale } of this.targets)
      modules.push({ path, rank, scale, a: await values(nameOf(path, "A")), b: await values(nameOf(path, "B")) });
    return { config: this.config, modules };
  }

  dispose(): void {
    this.parameters.dispose();
  }
}

/** Layers to begin training from, on those of `linears` that the config targets: A random as PEFT draws it, B zero. */
export function freshLora(device: Device, config: LoraConfig, linears: readonly LinearModule[], seed: number): LoraLayers {
  const layers = new LoraLayers(device, config, matchTargets(config.targetModules, linears));
  for (const { path, a } of initialAdapters(layers.targets, seed)) layers.write(path, a);
  return layers;
}

/** Puts an adapter (readAdapter) on a device. */
export function loadLora(device: Device, { config, modules }: Adapter): LoraLayers {
  const sizes = modules.map(({ path, rank, a, b }) => ({ path, inFeatures: a.length / rank, outFeatures: b.length / rank }));
  const layers = new LoraLayers(device, config, sizes);
  for (const { path, a, b } of modules) layers.write(path, a, b);
  return layers;
}

function nameOf(path: string, part: "A" | "B"): string {
  return `${path}.lora_${part}.weight`;
}
