// Matmul operands read through storage textures. Software adapters fetch a texel whole, where a vec4 of a storage buffer is four loads a
// lane, each with its bounds check: 1.3 to 1.9 times the speed of the same tile on buffers (docs/log.md). Whoever runs the call copies
// the operands into textures first, which costs what a copy costs. A frozen weight's texture is kept where few rows use it (decoding),
// since there the copy would cost as much as the product.
import type { TexelFormat } from "../kernel.js";
import { MOST_TEXELS } from "../texture.js";
import type { MatmulSizes, MatmulStorage, MatrixPlace } from "./sizes.js";

/** Products that each copied value should take part in. */
const WORTHWHILE = 24;
/** Rows of a up to which b's texture is kept: more rows pay for a copy, and training would hold every weight twice. */
const MOST_KEPT_ROWS = 64;
/** Up to so many rows tiles are low, and b's texture has to be one that is kept. */
export const FEW_ROWS = 16;
/** Values of b from which few rows of a are copied, too: for less, what ends a pass for the copy costs more than it saves. */
const WORTH_A_COPY = 2 ** 23;

/** Why operands cannot be textures, or need not: null where they should. */
export function textureRefusal(sizes: MatmulSizes): string | null {
  const { layout, m, n, k, outer = 1, inner = 1, aStorage = "f32", bStorage = "f32", force } = sizes;
  if (layout === "tn") return "layout tn reads contiguous bytes anyhow";
  if (aStorage !== "f32") return "a is stored in halves";
  if (outer * inner !== 1) return "batches of matrices";
  const { a, b } = operandTexels(sizes);
  if (Math.max(a, b) > MOST_TEXELS) return "an operand is larger than a texture";
  const perTexel = texelValues(bStorage);
  if (perTexel * b > 1.25 * n * k) return "b has gaps";
  if (m <= FEW_ROWS) {
    if (!sizes.bIsConstant) return `few rows: m=${m}`;
    if (layout !== "nt") return `layout ${layout} with few rows`;
    return k % perTexel === 0 && sizes.b.rowStride % perTexel === 0 ? null : `rows of b do not come in ${perTexel} values`;
  }
  if (bStorage !== "f32") return "b is stored in halves";
  if (force === "texture") return null;
  if (4 * a > 1.25 * m * k) return "a has gaps";
  const copied = m + (keepsWeight(sizes) ? 0 : n);
  return m * n < WORTHWHILE * copied ? `too few products a value: m=${m} n=${n}` : null;
}

/** Of a product that reads textures: which operands are in them. */
export function operandsInTextures(sizes: MatmulSizes): readonly ("a" | "b")[] {
  const { m, n, k, copiesA = n * k >= WORTH_A_COPY && 4 * operandTexels(sizes).a <= 1.25 * m * k } = sizes;
  return m > FEW_ROWS || copiesA ? ["a", "b"] : ["b"];
}

/** Whether b's texture is kept from call to call. */
export function keepsWeight({ m, bIsConstant = false }: MatmulSizes): boolean {
  return bIsConstant && m <= MOST_KEPT_ROWS;
}

/** Texels of each operand, from its first value to its last. */
export function operandTexels({ layout, m, n, k, a, b, bStorage = "f32" }: MatmulSizes): { a: number; b: number } {
  const of = ({ rowStride }: MatrixPlace, rows: number, length: number, values: number): number =>
    Math.ceil(((rows - 1) * rowStride + length) / values);
  const perTexel = texelValues(bStorage);
  return { a: of(a, m, k, 4), b: layout === "nt" ? of(b, n, k, perTexel) : of(b, k, n, perTexel) };
}

export const texelValues = (storage: MatmulStorage): number => (storage === "f32" ? 4 : 8);
export const texelFormat = (storage: MatmulStorage): TexelFormat => (storage === "f32" ? "rgba32float" : "rgba32uint");
