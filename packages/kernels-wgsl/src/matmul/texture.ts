// Matmul operands read through storage textures. Software adapters fetch a texel whole, where a vec4 of a storage buffer is four loads a
// lane, each with its bounds check: 1.3 to 1.9 times the speed of the same tile on buffers (docs/log.md). Whoever runs the call copies
// the operands into textures first, which costs what a copy costs. A frozen weight's texture is kept where few rows use it (decoding),
// since there the copy would cost as much as the product.
import type { Kernel, TexelFormat } from "../kernel.js";
import type { MatmulSizes, MatmulStorage, MatrixPlace } from "./sizes.js";

/** Texels in a row of the textures: a power of two, so that a place is found by shifts; rows of 64 KiB suit every copy. */
export const TEXTURE_WIDTH = 4096;
/** Rows that every device allows (maxTextureDimension2D). */
const MOST_ROWS = 8192;
export const MOST_TEXELS = TEXTURE_WIDTH * MOST_ROWS;
/** Products that each copied value should take part in. */
const WORTHWHILE = 24;
/** Rows of a up to which b's texture is kept: more rows pay for a copy, and training would hold every weight twice. */
const MOST_KEPT_ROWS = 64;
/** Up to so many rows tiles are low, and b's texture has to be one that is kept. */
export const FEW_ROWS = 16;
/** Values of b from which few rows of a are copied, too: for less, what ends a pass for the copy costs more than it saves. */
const WORTH_A_COPY = 2 ** 23;
/** Read-only storage textures: a feature of the WGSL language, which facts list among the device's. */
export const TEXTURE_FEATURE = "readonly_and_readwrite_storage_textures";

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

/** WGSL: the texel `i` of a texture. */
export function texelAt(name: string, i: string): string {
  return `textureLoad(${name}, vec2u(${i} & ${TEXTURE_WIDTH - 1}u, ${i} >> ${Math.log2(TEXTURE_WIDTH)}u))`;
}

/**
 * A kernel that reads these bindings, vec4f each, from textures: its text has a line `fn load_NAME(i: u32) -> Elem { return NAME[i]; }` for
 * each of them. @throws where it has not
 */
export function inTextures(kernel: Kernel, names: readonly string[]): Kernel {
  let { code } = kernel;
  const replace = (line: RegExp, by: string): void => {
    if (!line.test(code)) throw new Error(`kernel ${kernel.name}: no line ${line} to replace`);
    code = code.replace(line, by);
  };
  const type = "texture_storage_2d<rgba32float, read>";
  for (const name of names) {
    replace(RegExp(`var<storage, read> ${name}: array<Elem>;`), `var ${name}: ${type};`);
    replace(
      RegExp(`fn load_${name}\\(i: u32\\) -> Elem { return ${name}\\[i\\]; }`),
      `fn load_${name}(i: u32) -> Elem { return ${texelAt(name, "i")}; }`,
    );
  }
  const bindings = kernel.bindings.map((binding) =>
    names.includes(binding.name) ? { ...binding, type, texture: "rgba32float" as const } : binding,
  );
  return { ...kernel, name: `${kernel.name}<texture>`, code, bindings };
}
