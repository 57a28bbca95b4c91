// Storages that a kernel reads as textures (kernels-wgsl/texture.ts). Most are copied right before the call into textures that all
// calls share, two for each size met. Where the plan says that a storage keeps its values, it has a texture of its own, which lives as
// long as its buffer and is copied only after a write.
import { type KernelCall, TEXTURE_GAP, type TexelFormat, textureWidth } from "@attune/kernels-wgsl";
import { refusable } from "./allocation.js";
import type { BackendBuffer, Place } from "./backend.js";
import type { Failures } from "./failures.js";

const TEXEL_BYTES = 16;

/** A texture that a call wants: a shared one of its size, with room for `texels`, or one that is kept. */
export interface WantedTexture {
  /** Place among the kernel's bindings. */
  readonly binding: number;
  readonly format: TexelFormat;
  readonly texels: number;
  /** Texels of a row that are filled. */
  readonly width: number;
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
    const width = textureWidth(texels);
    const exact = Math.max(1, Math.ceil(texels / width));
    const rows = isKept ? exact : 2 ** Math.ceil(Math.log2(exact)); // powers of two, so that few sizes serve all calls
    const key = isKept ? `${format}, ${texels} from ${place?.offset}` : `${format}, ${binding} of ${width} x ${rows}`;
    const bytes = rows * (width + TEXTURE_GAP) * TEXEL_BYTES;
    return [{ binding, format, texels, width, rows, key, bytes, isKept }];
  });
}

/** Arguments of copyBufferToTexture. */
type CopyArguments = readonly [GPUTexelCopyBufferInfo, GPUTexelCopyTextureInfo, readonly [number, number]];

/** A copy to make before a call. */
export interface TextureCopy {
  readonly to: GPUTexture;
  /** Made once, since a replay encodes the same again: whole rows, then what is left. */
  readonly commands: readonly CopyArguments[];
  /** Of a texture that is kept: whether its bytes are out of date; they count as copied from then on. */
  readonly claim?: () => boolean;
}

/** A texture with a storage's bytes as they were at `version`, unless something failed since: the copy may have been dropped with it. */
interface KeptTexture {
  readonly texture: GPUTexture;
  version: number;
  failures: number;
}

/** The buffers of the backend that owns the textures: each has those that are kept of it. */
export interface TexturedBuffer extends BackendBuffer {
  readonly gpu: GPUBuffer;
  readonly kept: Map<string, KeptTexture>;
}

export class TextureSet {
  readonly #shared = new Map<string, GPUTexture>();

  constructor(
    readonly gpu: GPUDevice,
    private readonly failures: Failures,
  ) {}

  copiesOf(call: KernelCall, places: readonly Place[]): TextureCopy[] {
    return wantedTextures(call, places).map((wanted) => {
      const { buffer, offset, version } = places[wanted.binding]!;
      const { gpu: from, kept } = buffer as TexturedBuffer;
      const copyInto = (to: GPUTexture) => ({ to, commands: copyCommands(from, offset, to, wanted) });
      if (!wanted.isKept) return copyInto(this.#sharedOne(wanted));
      const twin = kept.get(wanted.key) ?? {
        texture: this.#make(wanted, () => kept.delete(wanted.key)),
        version: -1,
        failures: 0,
      };
      kept.set(wanted.key, twin);
      const claim = (): boolean => {
        const now = version!();
        const { told } = this.failures;
        const isStale = twin.version !== now || twin.failures !== told;
        twin.version = now;
        twin.failures = told;
        return isStale;
      };
      return { ...copyInto(twin.texture), claim };
    });
  }

  #sharedOne(wanted: WantedTexture): GPUTexture {
    const texture = this.#shared.get(wanted.key) ?? this.#make(wanted, () => this.#shared.delete(wanted.key));
    this.#shared.set(wanted.key, texture);
    return texture;
  }

  /** @param forget so that what is refused is made anew by who asks next */
  #make({ key, width, rows, format, bytes }: WantedTexture, forget: () => void): GPUTexture {
    const label = `operand ${key}`;
    const usage = GPU_TEXTURE_USAGE.COPY_DST | GPU_TEXTURE_USAGE.STORAGE_BINDING;
    const make = (): GPUTexture => this.gpu.createTexture({ label, size: [width + TEXTURE_GAP, rows], format, usage });
    return refusable(this.gpu, this.failures, { label, size: bytes, what: "texture" }, make, forget);
  }
}

/** Those of the copies that must be made now. */
export function dueCopies(copies: readonly TextureCopy[]): readonly TextureCopy[] {
  return copies.length === 0 ? copies : copies.filter(({ claim }) => claim?.() ?? true);
}

/** Outside of a pass. */
export function encodeCopies(encoder: GPUCommandEncoder, copies: readonly TextureCopy[]): void {
  for (const { commands } of copies) {
    for (const [source, destination, size] of commands) encoder.copyBufferToTexture(source, destination, size);
  }
}

function copyCommands(buffer: GPUBuffer, offset: number, texture: GPUTexture, { texels, width }: WantedTexture): CopyArguments[] {
  const bytesPerRow = width * TEXEL_BYTES;
  const rows = Math.floor(texels / width);
  const rest = texels % width;
  const whole: CopyArguments = [{ buffer, bytesPerRow, offset }, { texture }, [width, rows]];
  const last: CopyArguments = [
    { buffer, bytesPerRow, offset: offset + rows * bytesPerRow },
    { texture, origin: [0, rows] },
    [rest, 1],
  ];
  return [...(rows > 0 ? [whole] : []), ...(rest > 0 ? [last] : [])];
}

/** GPUTextureUsage by number: the global exists in browsers only. */
const GPU_TEXTURE_USAGE = { COPY_DST: 2, STORAGE_BINDING: 8 } as const;
