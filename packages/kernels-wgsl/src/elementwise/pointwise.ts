// What an element-wise call computes, as data: the planners fill it in, the generator of fused chains (fused.ts) reads it.

/** An operation's formula in lib/pointwise.wgsl, and the run-time numbers that follow its operands. */
interface Formula {
  readonly fn: string;
  readonly operands: number;
  readonly numbers: Readonly<Record<string, "f32" | "u32">>;
}

/** Formulas by the names that plans use: f a function, d the gradient of its operand. */
export const FORMULAS = {
  affine: { fn: "f_affine", operands: 1, numbers: { alpha: "f32", beta: "f32" } },
  relu: { fn: "f_relu", operands: 1, numbers: {} },
  geluNew: { fn: "f_gelu_new", operands: 1, numbers: {} },
  exp: { fn: "f_exp", operands: 1, numbers: {} },
  log: { fn: "f_log", operands: 1, numbers: {} },
  sqrt: { fn: "f_sqrt", operands: 1, numbers: {} },
  tanh: { fn: "f_tanh", operands: 1, numbers: {} },
  square: { fn: "f_square", operands: 1, numbers: {} },
  reciprocal: { fn: "f_reciprocal", operands: 1, numbers: {} },
  sigmoid: { fn: "f_sigmoid", operands: 1, numbers: {} },
  dRelu: { fn: "d_relu", operands: 2, numbers: {} },
  dGeluNew: { fn: "d_gelu_new", operands: 2, numbers: {} },
  dExp: { fn: "d_exp", operands: 2, numbers: {} },
  dLog: { fn: "d_log", operands: 2, numbers: {} },
  dSqrt: { fn: "d_sqrt", operands: 2, numbers: {} },
  dTanh: { fn: "d_tanh", operands: 2, numbers: {} },
  dSquare: { fn: "d_square", operands: 2, numbers: {} },
  dReciprocal: { fn: "d_reciprocal", operands: 2, numbers: {} },
  dSigmoid: { fn: "d_sigmoid", operands: 2, numbers: {} },
  add: { fn: "f_add", operands: 2, numbers: { alpha: "f32" } },
  mul: { fn: "f_mul", operands: 2, numbers: {} },
  div: { fn: "f_div", operands: 2, numbers: {} },
  max: { fn: "f_max", operands: 2, numbers: {} },
  dMax: { fn: "d_max", operands: 3, numbers: {} },
  /** y, x: elements beyond the count keep y's value */
  accumulate: { fn: "f_accumulate", operands: 2, numbers: { alpha: "f32" } },
  /** x: also reads the ProgramState bound to `state`, for its random words */
  dropout: { fn: "f_dropout", operands: 1, numbers: { site: "u32", threshold: "u32", scale: "f32" } },
} as const satisfies Record<string, Formula>;
export type PointwiseOp = keyof typeof FORMULAS;

/** How an operand is read: element by element, one row again and again (`cols` long, a multiple of 4), or one value for all. */
export type Reading = "each" | "row" | "one";

export interface PointwiseOperand {
  /** Name of the call's binding. */
  readonly binding: string;
  readonly reading: Reading;
  /** Length of the row that repeats. */
  readonly cols?: number;
}

/** result[i] = op(operands[i], numbers) for i < count. */
export interface Pointwise {
  readonly op: PointwiseOp;
  readonly count: number;
  readonly operands: readonly PointwiseOperand[];
  readonly result: string;
  readonly numbers: Readonly<Record<string, number>>;
}

export function each(...bindings: string[]): PointwiseOperand[] {
  return bindings.map((binding) => ({ binding, reading: "each" }));
}

type Four = readonly [number, number, number, number];

/** How an operand with these strides (0 repeats an axis) covers a result of this shape; null if in no simple way. */
export function readingOf(binding: string, shape: Four, strides: Four): PointwiseOperand | null {
  let stride = 1;
  let axis = 3;
  for (; axis >= 0 && (shape[axis] === 1 || strides[axis] === stride); axis--) stride *= shape[axis]!;
  if (axis < 0) return { binding, reading: "each" };
  for (; axis >= 0; axis--) if (shape[axis] !== 1 && strides[axis] !== 0) return null;
  if (stride === 1) return { binding, reading: "one" };
  return stride % 4 === 0 ? { binding, reading: "row", cols: stride } : null;
}
