import { TensorError } from "./errors.js";

export type Shape = readonly number[];

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, length) => product * length, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis]);
}

export function show(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** The shape both operands broadcast to, aligned at the last axis as in NumPy. @throws TensorError if they do not */
export function broadcastShape(op: string, a: Shape, b: Shape): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new TensorError(`${op}: shapes ${show(a)} and ${show(b)} do not broadcast: ${x} against ${y}. Reshape one of them.`);
    }
    return x === 1 ? y : x;
  });
}

/** Strides of `shape` read as `target` (broadcast axes have stride 0), padded on the left to 4 axes. */
export function broadcastStrides(shape: Shape, target: Shape): [number, number, number, number] {
  const strides = new Array<number>(target.length).fill(0);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const length = shape[i]!;
    if (length !== 1) strides[i + target.length - shape.length] = stride;
    stride *= length;
  }
  return padToFour(strides, 0);
}

export function padToFour(values: readonly number[], fill: number): [number, number, number, number] {
  if (values.length > 4) throw new TensorError(`broadcasting works up to 4 axes, not ${values.length}. Reshape first.`);
  return [...new Array<number>(4 - values.length).fill(fill), ...values] as [number, number, number, number];
}

/** [product of the leading axes, last axis] */
export function rowsOf(shape: Shape): { rows: number; cols: number } {
  const cols = shape.at(-1) ?? 1;
  return { rows: cols === 0 ? 0 : sizeOf(shape) / cols, cols };
}
