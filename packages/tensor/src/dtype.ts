/**
 * Element types. f32, i32 and u32 are 4 bytes; bf16 and f16 are storage only, two values in a u32 (low half first), for frozen
 * weights: arithmetic is always f32.
 */
export type DType = "f32" | "i32" | "u32" | "bf16" | "f16";
export type TypedArray = Float32Array | Int32Array | Uint32Array;

/** Bytes that `count` elements take: packed halves are padded to whole words, and every storage to a vec4 of words. */
export function byteSize(dtype: DType, count: number): number {
  const words = dtype === "bf16" || dtype === "f16" ? Math.ceil(count / 2) : count;
  return Math.max(16, Math.ceil(words / 4) * 16);
}

/** The array type a read-back of this dtype gives; packed halves come as the words they are. */
export function arrayOf(dtype: DType, buffer: ArrayBuffer): TypedArray {
  if (dtype === "f32") return new Float32Array(buffer);
  return dtype === "i32" ? new Int32Array(buffer) : new Uint32Array(buffer);
}
