import type { Device } from "./device/device.js";
import type { Category } from "./device/memory.js";
import type { Storage } from "./device/storage.js";
import { arrayOf, byteSize, type DType, type TypedArray } from "./dtype.js";
import { TensorError } from "./errors.js";
import type { TapeNode } from "./op.js";
import { type Shape, show, sizeOf } from "./shape.js";

/** A dense, contiguous, row-major array on a device. Ops are functions (ops/); this class only knows what a tensor is. */
export class Tensor {
  /** Gradients flow to it (a parameter) or through it (computed from one). */
  requiresGrad = false;
  /** Owned by parameters alone: `backward` adds into it; ParameterSet.zeroGrad, or writing zeros, clears it. */
  grad: Tensor | null = null;
  /** How it was computed, if gradients flow through it. */
  node: TapeNode | null = null;

  constructor(
    readonly device: Device,
    readonly storage: Storage,
    readonly shape: Shape,
    readonly dtype: DType,
  ) {
    device.inspector?.named(storage, shape, dtype);
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  /** Reads the values back: waits for the device. Packed halves come as words. */
  async toArray(): Promise<TypedArray> {
    const bytes = await this.device.read(this.storage, byteSize(this.dtype, this.size));
    const packed = this.dtype === "bf16" || this.dtype === "f16";
    return arrayOf(this.dtype, bytes).subarray(0, packed ? Math.ceil(this.size / 2) : this.size);
  }

  /** The value of a one-element tensor. */
  async item(): Promise<number> {
    if (this.size !== 1) throw new TensorError(`item: a tensor of shape ${show(this.shape)} has ${this.size} values, not one`);
    return (await this.toArray())[0]!;
  }

  /**
   * Overwrites the values, or a part of them from byte `at` (a multiple of 4) on: large weights come in pieces. After all work appended
   * so far. @throws TensorError if they do not fit
   */
  write(values: ArrayBufferView, at = 0): void {
    if (at % 4 !== 0 || at + values.byteLength > this.storage.bytes) {
      // beyond its end may lie another parameter of the same arena
      const where = at === 0 ? "" : ` from byte ${at} on`;
      throw new TensorError(
        `write: ${values.byteLength} bytes${where} do not fit a tensor ${show(this.shape)} of ${this.storage.bytes}`,
      );
    }
    const place = this.storage.place();
    this.device.backend.write({ ...place, offset: place.offset + at, bytes: place.bytes - at }, values);
    this.storage.wasWritten();
  }

  /** Frees the memory now instead of at the end of its scope. */
  dispose(): void {
    this.grad?.dispose();
    this.device.release(this.storage);
  }
}

/** A tensor from host values: owned by the current scope, or by the program being captured. */
export function tensor(
  device: Device,
  values: TypedArray | readonly number[],
  shape: Shape,
  dtype: DType = dtypeOf(values),
): Tensor {
  const words = dtype === "bf16" || dtype === "f16" ? Math.ceil(sizeOf(shape) / 2) : sizeOf(shape);
  if (values.length !== words) {
    throw new TensorError(`tensor: shape ${show(shape)} needs ${words} values, got ${values.length}`);
  }
  const made = new Tensor(device, device.hostData(byteSize(dtype, sizeOf(shape)), `tensor ${show(shape)}`), shape, dtype);
  made.write(typedOf(values, dtype));
  return made;
}

/** A tensor that lives until disposed of, without gradient: frozen weights, caches, counters. Zeros if no values are given. */
export function persistent(
  device: Device,
  shape: Shape,
  options: { dtype?: DType; label?: string; category?: Category; values?: TypedArray } = {},
): Tensor {
  const { dtype = "f32", label = `persistent ${show(shape)}`, category = "weights", values } = options;
  const made = new Tensor(device, device.persistent(byteSize(dtype, sizeOf(shape)), label, category), shape, dtype);
  if (values) made.write(values);
  return made;
}

/** A trainable f32 tensor that owns its gradient; lives until disposed of. ParameterSet makes many at once, in arenas. */
export function parameter(device: Device, values: Float32Array | readonly number[], shape: Shape, label = "parameter"): Tensor {
  const made = persistent(device, shape, { label, values: typedOf(values, "f32") });
  made.grad = persistent(device, shape, { label: `${label}.grad`, category: "gradients" });
  made.requiresGrad = true;
  return made;
}

function dtypeOf(values: TypedArray | readonly number[]): DType {
  if (values instanceof Int32Array) return "i32";
  return values instanceof Uint32Array ? "u32" : "f32";
}

function typedOf(values: TypedArray | readonly number[], dtype: DType): TypedArray {
  if (ArrayBuffer.isView(values)) return values as TypedArray;
  if (dtype === "f32") return Float32Array.from(values);
  return dtype === "i32" ? Int32Array.from(values) : Uint32Array.from(values);
}
