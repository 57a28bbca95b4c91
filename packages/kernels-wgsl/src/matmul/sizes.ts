// What a matmul is asked to do: plain data, shared by the planner, its kernels and the passes that fuse epilogues.

/** nt: a [m, k], b [n, k];  nn: a [m, k], b [k, n];  tn: a [k, m], b [k, n];  always c [m, n]. */
export type MatmulLayout = "nt" | "nn" | "tn";
/** How an operand is stored; the halves lie two in a u32. Sums are always f32. */
export type MatmulStorage = "f32" | "bf16" | "f16";

/** Where a batch of matrices lies: elements between rows, and between the steps of the two batch axes (0 repeats). */
export interface MatrixPlace {
  rowStride: number;
  outerStride?: number;
  innerStride?: number;
}

/** What happens to a sum before it is stored: c = activation(alpha * a b + bias) + residual (+ old c). */
export interface MatmulEpilogue {
  /** Adds the storage `bias` [n] to every row. */
  bias?: boolean;
  activation?: "relu" | "geluNew";
  /** Adds the storage `residual`, which lies as c does. */
  residual?: boolean;
}

/**
 * c[z] = epilogue(alpha * op(a[z]) op(b[z])) (+ c[z]) for z over [outer, inner] batches.
 * The last axis is contiguous; rows and batches have strides, so attention reads its heads straight out of [batch, time, heads * dKv].
 */
export interface MatmulSizes {
  layout: MatmulLayout;
  m: number;
  n: number;
  k: number;
  a: MatrixPlace;
  b: MatrixPlace;
  c: MatrixPlace;
  outer?: number;
  inner?: number;
  alpha?: number;
  /** Add to c instead of overwriting it. */
  accumulate?: boolean;
  aStorage?: MatmulStorage;
  bStorage?: MatmulStorage;
  /** b is a frozen weight: what is made of it once serves every later call. */
  bIsConstant?: boolean;
  /** Whether few rows of a are copied into a texture beside b's; where absent the sizes decide. */
  copiesA?: boolean;
  epilogue?: MatmulEpilogue;
  /** Operands of a tn matmul that are panels (pack.wgsl): set by planMatmulSteps. */
  packed?: { a: boolean; b: boolean };
  /** This variant and no other: tests and measurements. */
  force?: MatmulVariant;
}

/**
 * matrix: matrix units; workgroup: tiles in workgroup memory; subgroup: tiles by broadcast; texture: those on operands in textures;
 * vector: few rows; plain: always works.
 */
export const MATMUL_VARIANTS = ["matrix", "workgroup", "subgroup", "texture", "vector", "plain"] as const;
export type MatmulVariant = (typeof MATMUL_VARIANTS)[number];

/** Bits of the param `flags`: run-time values, so that one text serves every epilogue. */
export const FLAG = { accumulate: 1, bias: 2, relu: 4, geluNew: 8, residual: 16 } as const;

export function flagsOf({ accumulate = false, epilogue = {} }: Pick<MatmulSizes, "accumulate" | "epilogue">): number {
  return (
    (accumulate ? FLAG.accumulate : 0) |
    (epilogue.bias ? FLAG.bias : 0) |
    (epilogue.activation ? FLAG[epilogue.activation] : 0) |
    (epilogue.residual ? FLAG.residual : 0)
  );
}

/** A variant by class of shapes (`shapeClass`), measured on the device with this fingerprint. */
export interface MatmulChoice {
  readonly fingerprint: string;
  readonly variants: Readonly<Record<string, MatmulVariant>>;
}
