// Matmul operands read through storage textures. Software adapters fetch a texel whole, where a vec4 of a storage buffer is four loads a
// lane, each with its bounds check: 1.3 to 1.9 times the speed of the same tile on buffers (docs/log.md). Whoever runs the call copies
// the operands into textures first, which costs what a copy costs.
import type { MatmulSizes, MatrixPlace } from "./sizes.js";

/** Texels in a row of the textures: a power of two, so that a place is found by shifts; rows of 64 KiB suit every copy. */
export const TEXTURE_WIDTH = 4096;
/** Rows that every device allows (maxTextureDimension2D). */
const MOST_ROWS = 8192;
/** Products that each copied value should take part in. */
const WORTHWHILE = 24;
/** Read-only storage textures: a feature of the WGSL language, which facts list among the device's. */
export const TEXTURE_FEATURE = "readonly_and_readwrite_storage_textures";

/** Why operands cannot be textures, or need not: null where they should. */
export function textureRefusal(sizes: MatmulSizes): string | null {
  const { layout, m, n, k, outer = 1, inner = 1, aStorage = "f32", bStorage = "f32", force } = sizes;
  if (layout === "tn") return "layout tn reads contiguous bytes anyhow";
  if (aStorage !== "f32" || bStorage !== "f32") return "an operand is stored in halves";
  if (outer * inner !== 1) return "batches of matrices";
  const { a, b } = operandTexels(sizes);
  if (Math.max(a, b) > TEXTURE_WIDTH * MOST_ROWS) return "an operand is larger than a texture";
  if (force === "texture") return null;
  if (4 * (a + b) > 1.25 * (m * k + n * k)) return "an operand has gaps";
  return m * n < WORTHWHILE * (m + n) || m <= 16 ? `too few products a value: m=${m} n=${n}` : null;
}

/** Texels of each operand, from its first value to its last. */
export function operandTexels({ layout, m, n, k, a, b }: MatmulSizes): { a: number; b: number } {
  const of = ({ rowStride }: MatrixPlace, rows: number, length: number): number =>
    Math.ceil(((rows - 1) * rowStride + length) / 4);
  return { a: of(a, m, k), b: layout === "nt" ? of(b, n, k) : of(b, k, n) };
}
