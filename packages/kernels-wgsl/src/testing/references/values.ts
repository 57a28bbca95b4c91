// Tensors of the references: data in double precision, row-major.

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** A tensor filled by a function of its indices. */
export function fill(shape: readonly number[], at: (...index: number[]) => number): Values {
  const data = new Float64Array(sizeOf(shape));
  const index = new Array<number>(shape.length).fill(0);
  for (let i = 0; i < data.length; i++) {
    data[i] = at(...index);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return { shape, data };
}

/** Reads by indices. */
export function at(values: Values, ...index: number[]): number {
  return values.data[index.reduce((sum, i, axis) => sum * values.shape[axis]! + i, 0)]!;
}
