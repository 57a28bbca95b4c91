// Storages that a kernel reads as textures: how they lie in them, and a kernel's text for it. Software adapters fetch a texel whole, where a
// vec4 of a storage buffer is four loads a lane. Which products and caches go this way their plans say (matmul/texture.ts, attention/decode.ts).
import type { Kernel } from "./kernel.js";

/** Texels in a row of the textures: a power of two, so that a place is found by shifts; rows of 64 KiB suit every copy. */
export const TEXTURE_WIDTH = 4096;
/** Rows that every device allows (maxTextureDimension2D). */
const MOST_ROWS = 8192;
export const MOST_TEXELS = TEXTURE_WIDTH * MOST_ROWS;
/** Read-only storage textures: a feature of the WGSL language, which facts list among the device's. */
export const TEXTURE_FEATURE = "readonly_and_readwrite_storage_textures";

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
