// How varied outputs are: a model that always says the same has a share near 0, whatever its ROUGE.

/** Share of different texts among the outputs, 0 to 1; NaN where there are none. */
export function distinctShare(outputs: readonly string[]): number {
  return new Set(outputs).size / outputs.length;
}
