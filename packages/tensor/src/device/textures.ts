// Storages that a kernel reads as textures (kernels-wgsl/matmul/texture.ts): the textures are the device's own, two for each size met, and
// a call's operands are copied into them right before it runs.
import { type KernelCall, TEXTURE_WIDTH } from "@attune/kernels-wgsl";
import type { Place } from "./backend.js";

const TEXEL_BYTES = 16;
const ROW_BYTES = TEXTURE_WIDTH * TEXEL_BYTES;

/** A texture that a call wants: the n-th of its size, with room for `texels`. */
export interface WantedTexture {
  /** Place among the kernel's bindings. */
  readonly binding: number;
  readonly texels: number;
  /** Rows of the texture: a power of two, so that few sizes serve all calls. */
  readonly rows: number;
  readonly key: string;
  readonly bytes: number;
}

export function wantedTextures({ kernel, textures }: KernelCall): readonly WantedTexture[] {
  if (!textures) return [];
  return kernel.bindings.flatMap(({ name, isTexture }, binding) => {
    if (!isTexture) return [];
    const texels = textures[name]!;
    const rows = 2 ** Math.ceil(Math.log2(Math.max(1, Math.ceil(texels / TEXTURE_WIDTH))));
    return [{ binding, texels, rows, key: `${binding} of ${rows}`, bytes: rows * ROW_BYTES }];
  });
}

/** A copy to make before a call. */
export interface TextureCopy {
  readonly from: GPUBuffer;
  readonly offset: number;
  readonly to: GPUTexture;
  readonly texels: number;
}

export class TextureSet {
  readonly #textures = new Map<string, GPUTexture>();

  constructor(readonly gpu: GPUDevice) {}

  get({ key, rows }: WantedTexture): GPUTexture {
    const known = this.#textures.get(key);
    if (known) return known;
    const made = this.gpu.createTexture({
      label: `operand ${key}`,
      size: [TEXTURE_WIDTH, rows],
      format: "rgba32float",
      usage: GPU_TEXTURE_USAGE.COPY_DST | GPU_TEXTURE_USAGE.STORAGE_BINDING,
    });
    this.#textures.set(key, made);
    return made;
  }

  copiesOf(call: KernelCall, places: readonly Place[]): TextureCopy[] {
    return wantedTextures(call).map((wanted) => {
      const { buffer, offset } = places[wanted.binding]!;
      return { from: (buffer as unknown as { gpu: GPUBuffer }).gpu, offset, to: this.get(wanted), texels: wanted.texels };
    });
  }
}

/** Outside of a pass. Whole rows first, then what is left. */
export function encodeCopies(encoder: GPUCommandEncoder, copies: readonly TextureCopy[]): void {
  for (const { from, offset, to, texels } of copies) {
    const rows = Math.floor(texels / TEXTURE_WIDTH);
    const rest = texels % TEXTURE_WIDTH;
    const source = { buffer: from, bytesPerRow: ROW_BYTES };
    if (rows > 0) encoder.copyBufferToTexture({ ...source, offset }, { texture: to }, [TEXTURE_WIDTH, rows]);
    if (rest === 0) continue;
    encoder.copyBufferToTexture({ ...source, offset: offset + rows * ROW_BYTES }, { texture: to, origin: [0, rows] }, [rest, 1]);
  }
}

/** GPUTextureUsage by number: the global exists in browsers only. */
const GPU_TEXTURE_USAGE = { COPY_DST: 2, STORAGE_BINDING: 8 } as const;
