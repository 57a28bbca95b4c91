import type { Dims, KernelInput } from "../kernelCase.js";
import type { Values } from "../references.js";

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** A result from a function of the flat index. */
export function flat(shape: readonly number[], f: (i: number) => number): Values {
  return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => f(i)) };
}

export const positive = (random: () => number): number => 0.2 + random();
/** Away from 0, where relu has a kink. */
export const offZero = (random: () => number): number => (random() < 0.5 ? -1 : 1) * (0.1 + 2 * random());
export const wide =
  (reach: number) =>
  (random: () => number): number =>
    reach * (2 * random() - 1);

export const matrix = ({ rows, cols }: Dims): KernelInput => ({ shape: [rows!, cols!] });

/** Rows and columns of the row kernels, and the edges that find out most. */
export const rowDims = { rows: [1, 20], cols: [1, 70] } as const;
export const rowEdges = [
  { rows: 5, cols: 27, why: "several turns of the lanes; rows that fill no square grid" },
  { rows: 3, cols: 1, why: "one column" },
] as const;
