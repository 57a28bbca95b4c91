import { type WeightSpec, writeWeight } from "@attune/models";
import type { Tensor } from "@attune/tensor";

/** Small values of both signs that keep activations near one; drawing normal ones would take longer than a benchmark. */
export function fillRandomly(weights: ReadonlyMap<string, Tensor>, specs: readonly WeightSpec[]): void {
  for (const { name, kind, shape } of specs) {
    const values = new Float32Array(shape.reduce((product, length) => product * length, 1)).fill(kind === "norm" ? 1 : 0);
    const size = kind === "embedding" ? 0.05 : shape.at(-1)! ** -0.5;
    let state = 12345;
    for (let i = 0; i < values.length && (kind === "linear" || kind === "embedding"); i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      values[i] = size * (state / 2 ** 31);
    }
    writeWeight(weights.get(name)!, values);
  }
}
