// Storages that a kernel reads as textures (kernels-wgsl/texture.ts). Most are copied right before the call into textures that all
// calls share, two for each size met. Where the plan says that a storage keeps its values, it has a texture of its own, which lives as
// long as its buffer and is copied only after a write.
import { type KernelCall, TEXTURE_WIDTH, type TexelFormat } from "@attune/kernels-wgsl";
import type { BackendBuffer, Place } from "./backend.js";

const TEXEL_BYTES = 16;
const ROW_BYTES = TEXTURE_WIDTH * TEXEL_BYTES;

/** A texture that a call wants: a shared one of its size, with room for `texels`, or one that is kept. */
export interface WantedTexture {
  /** Place among the kernel's bindings. */
  readonly binding: number;
  readonly format: TexelFormat;
  readonly texels: number;
  readonly rows: number;
  readonly key: string;
  readonly bytes: number;
  readonly isKept: boolean;
}

/** @param places those that are null, or without a version, are not kept, whatever the call says: the program itself may write them */
export function wantedTextures(
  { kernel, textures, keeps = [] }: KernelCall,
  places: readonly (Place | null)[],
): readonly WantedTexture[] {
  if (!textures) return [];
  return kernel.bindings.flatMap(({ name, texture: format }, binding) => {
    if (!format) return [];
    const texels = textures[name]!;
    const place = places[binding];
    const isKept = keeps.includes(name) && place?.version !== undefined;
    const exact = Math.max(1, Math.ceil(texels / TEXTURE_WIDTH));
    const rows = isKept ? exact : 2 ** Math.ceil(Math.log2(exact)); // powers of two, so that few sizes serve all calls
    const key = isKept ? `${format}, ${texels} from ${place?.offset}` : `${format}, ${binding} of ${rows}`;
    return [{ binding, format, texels, rows, key, bytes: rows * ROW_BYTES, isKept }];
  });
}

/** A copy to make before a call. */
export interface TextureCopy {
  readonly from: GPUBuffer;
  readonly offset: number;
  readonly to: GPUTexture;
  readonly texels: number;
  /** Of a texture that is kept: whether its bytes are out of date; they count as copied from then on. */
  readonly claim?: () => boolean;
}

/** A texture with a storage's bytes as they were at `version`. */
interface KeptTexture {
  readonly texture: GPUTexture;
  version: number;
}

/** The buffers of the backend that owns the textures: each has those that are kept of it. */
export interface TexturedBuffer extends BackendBuffer {
  readonly gpu: GPUBuffer;
  readonly kept: Map<string, KeptTexture>;
}

export class TextureSet {
  readonly #shared = new Map<string, GPUTexture>();

  constructor(readonly gpu: GPUDevice) {}

  copiesOf(call: KernelCall, places: readonly Place[]): TextureCopy[] {
    return wantedTextures(call, places).map((wanted) => {
      const { buffer, offset, version } = places[wanted.binding]!;
      const { gpu: from, kept } = buffer as TexturedBuffer;
      const copy = { from, offset, texels: wanted.texels };
      if (!wanted.isKept) return { ...copy, to: this.#sharedOne(wanted) };
      const twin = kept.get(wanted.key) ?? { texture: this.#make(wanted), version: -1 };
      kept.set(wanted.key, twin);
      const claim = (): boolean => {
        const now = version!();
        const isStale = twin.version !== now;
        twin.version = now;
        return isStale;
      };
      return { ...copy, to: twin.texture, claim };
    });
  }

  #sharedOne(wanted: WantedTexture): GPUTexture {
    const texture = this.#shared.get(wanted.key) ?? this.#make(wanted);
    this.#shared.set(wanted.key, texture);
    return texture;
  }

  #make({ key, rows, format }: WantedTexture): GPUTexture {
    return this.gpu.createTexture({
      label: `operand ${key}`,
      size: [TEXTURE_WIDTH, rows],
      format,
      usage: GPU_TEXTURE_USAGE.COPY_DST | GPU_TEXTURE_USAGE.STORAGE_BINDING,
    });
  }
}

/** Those of the copies that must be made now. */
export function dueCopies(copies: readonly TextureCopy[]): readonly TextureCopy[] {
  return copies.length === 0 ? copies : copies.filter(({ claim }) => claim?.() ?? true);
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
