// Merging an adapter into the weights it stands beside, and taking it out again: on the host, each value summed in double precision
// and rounded once to f32. What PEFT's merge_adapter and unmerge_adapter compute (tuners/lora/layer.py, variants.py).

import type { AdapterModule } from "./adapterFiles.js";

/** What of a module merging needs. a [rank, in], b [out, rank], magnitude [out], row-major. */
export type MergeModule = Pick<AdapterModule, "path" | "rank" | "scale" | "a" | "b" | "magnitude">;

export interface Merged {
  /** [out, in], W + s B A; with DoRA each row of it times magnitude / norm. */
  weight: Float32Array;
  /** DoRA: ||W + s B A|| of each row, [out]; unmerging needs it, since the merged weight has lost it. */
  norms: Float64Array | null;
}

/** Merges one module into its weight [out, in]; neither is changed. Throws a RangeError where sizes disagree. */
export function mergeModule(weight: Float32Array, module: MergeModule): Merged {
  const { inputs, outputs } = sizes(weight, module);
  const merged = new Float32Array(weight.length);
  const norms = module.magnitude ? new Float64Array(outputs) : null;
  const row = new Float64Array(inputs);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) row[i] = weight[o * inputs + i]!;
    addProduct(row, module, o, module.scale);
    let factor = 1;
    if (norms) {
      norms[o] = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
      factor = module.magnitude![o]! / norms[o]!;
    }
    for (let i = 0; i < inputs; i++) merged[o * inputs + i] = row[i]! * factor;
  }
  return { weight: merged, norms };
}

/** The weight [out, in] as it was before mergeModule, but for rounding. Throws a RangeError for a DoRA module without its norms. */
export function unmergeModule({ weight, norms }: Merged, module: MergeModule): Float32Array {
  const { inputs, outputs } = sizes(weight, module);
  if (module.magnitude && !norms)
    throw new RangeError(`unmergeModule: ${module.path} is DoRA's and needs the norms of its merge`);
  const before = new Float32Array(weight.length);
  const row = new Float64Array(inputs);
  for (let o = 0; o < outputs; o++) {
    const factor = module.magnitude ? norms![o]! / module.magnitude[o]! : 1;
    for (let i = 0; i < inputs; i++) row[i] = weight[o * inputs + i]! * factor;
    addProduct(row, module, o, -module.scale);
    before.set(row, o * inputs);
  }
  return before;
}

/** row [in] += by * (row o of B) A */
function addProduct(row: Float64Array, { a, b, rank }: MergeModule, o: number, by: number): void {
  const inputs = row.length;
  for (let r = 0; r < rank; r++) {
    const factor = by * b[o * rank + r]!;
    if (factor === 0) continue;
    for (let i = 0; i < inputs; i++) row[i]! += factor * a[r * inputs + i]!;
  }
}

function sizes(weight: Float32Array, { path, rank, a, b, magnitude }: MergeModule): { inputs: number; outputs: number } {
  const [inputs, outputs] = [a.length / rank, b.length / rank];
  if (inputs * outputs !== weight.length || (magnitude && magnitude.length !== outputs)) {
    throw new RangeError(
      `merge: ${path} has ${weight.length} weights; A and B of rank ${rank} are for ${outputs} x ${inputs}${magnitude ? `, magnitudes for ${magnitude.length} rows` : ""}`,
    );
  }
  return { inputs, outputs };
}
