// Storages that a kernel reads as textures: how they lie in them, and a kernel's text for it. Software adapters fetch a texel whole, where a
// vec4 of a storage buffer is four loads a lane. Which products and caches go this way their plans say (matmul/texture.ts, attention/decode.ts).
import type { Kernel } from "./kernel.js";

/** Texels of a row that are filled, at least: 4 KiB, which suits every copy. */
const NARROWEST = 256;
/** Rows, and texels in one, that every device allows (maxTextureDimension2D). */
const MOST_ROWS = 8192;
/** What is filled of the widest rows: a power of two. */
const WIDEST = 4096;
export const MOST_TEXELS = WIDEST * MOST_ROWS;
/**
 * Texels at the end of each row that nothing reads. A tile reads some tens of a matrix's rows side by side; where these are a power of two apart,
 * they share a few sets of the processor's caches and push one another out. The gap moves each row on by a cache line: 1024^3 takes a fifth less
 * time (docs/log.md).
 */
export const TEXTURE_GAP = 4;

/** Texels of a row that are filled, in a texture for so many: a power of two, so that a place is found by shifts. */
export function textureWidth(texels: number, narrowest = NARROWEST): number {
  let width = narrowest;
  while (width * MOST_ROWS < texels) width *= 2;
  return width;
}
/** Read-only storage textures: a feature of the WGSL language, which facts list among the device's. */
export const TEXTURE_FEATURE = "readonly_and_readwrite_storage_textures";

/** WGSL: the texel `i` of a texture. Its width is asked for in every load; compilers do so once, before the loop. */
export function texelAt(name: string, i: string): string {
  const width = `textureDimensions(${name}).x - ${TEXTURE_GAP}u`;
  return `textureLoad(${name}, vec2u(${i} & (${width} - 1u), ${i} >> countTrailingZeros(${width})))`;
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
