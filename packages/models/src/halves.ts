// bf16 and f16 as 16-bit patterns. Widening is exact; narrowing rounds to nearest, ties to even, and a NaN stays a NaN.
// Everything works on bit patterns through Uint32Array: a float read into a JavaScript number would lose NaN payloads.

/** bf16 patterns -> f32, exact: a bf16 is the upper half of an f32. */
export function bf16ToF32(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}

/** f32 -> bf16 patterns. A finite value beyond the largest bf16 (3.39e38) becomes infinity, as rounding to nearest says. */
export function f32ToBf16(values: Float32Array): Uint16Array {
  const bits = bitsOf(values);
  const out = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i]!;
    const isNan = (x & 0x7fffffff) > 0x7f800000;
    // a NaN whose payload sits in the lower half only would read as infinity: set the quiet bit for it
    if (isNan) out[i] = (x >>> 16) & 0x7f ? x >>> 16 : (x >>> 16) | 0x40;
    else out[i] = (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return out;
}

/** f16 patterns -> f32, exact, subnormals (multiples of 2^-24) included. */
export function f16ToF32(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const h = bits[i]!;
    const sign = (h & 0x8000) << 16;
    const exponent = (h >>> 10) & 31;
    let mantissa = h & 0x3ff;
    if (exponent === 31) out[i] = sign | 0x7f800000 | (mantissa << 13);
    else if (exponent > 0) out[i] = sign | ((exponent + 112) << 23) | (mantissa << 13);
    else if (mantissa === 0) out[i] = sign;
    else {
      let e = 113; // normalise: every f16 subnormal is a normal f32
      while (!(mantissa & 0x400)) {
        mantissa <<= 1;
        e--;
      }
      out[i] = sign | (e << 23) | ((mantissa & 0x3ff) << 13);
    }
  }
  return new Float32Array(out.buffer);
}

/** f32 -> f16 patterns. Beyond 65520 the result is infinity: ask `countF16Overflow` before storing weights. */
export function f32ToF16(values: Float32Array): Uint16Array {
  const bits = bitsOf(values);
  const out = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const x = bits[i]!;
    const sign = (x >>> 16) & 0x8000;
    const exponent = ((x >>> 23) & 255) - 112;
    const mantissa = x & 0x7fffff;
    if (exponent === 143) out[i] = sign | 0x7c00 | (mantissa && (mantissa >>> 13 || 0x200));
    else if (exponent >= 31) out[i] = sign | 0x7c00;
    else if (exponent > 0)
      out[i] = sign | ((exponent << 10) + shiftRounding(mantissa, 13)); // a carry moves into the exponent, as it must
    else if (exponent >= -10) out[i] = sign | shiftRounding(mantissa | 0x800000, 14 - exponent);
    else out[i] = sign; // below half of the smallest subnormal
  }
  return out;
}

/** How many finite values would become infinite as f16 (|x| >= 65520). */
export function countF16Overflow(values: Float32Array): number {
  let count = 0;
  for (const value of values) if (Math.abs(value) >= 65520 && Math.abs(value) !== Infinity) count++;
  return count;
}

/** How many values of these little-endian bytes are infinite or NaN, by their bits; 0 for types that have no such values. */
export function countNonFinite(bytes: Uint8Array, dtype: string): number {
  let count = 0;
  if (dtype === "F16" || dtype === "BF16") {
    const exponent = dtype === "F16" ? 0x7c00 : 0x7f80;
    const halves = halvesOf(bytes);
    for (let i = 0; i < halves.length; i++) if ((halves[i]! & exponent) === exponent) count++;
  } else if (dtype === "F32") {
    const aligned = bytes.byteOffset % 4 ? bytes.slice() : bytes;
    const words = new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 2);
    for (let i = 0; i < words.length; i++) if ((words[i]! & 0x7f800000) === 0x7f800000) count++;
  }
  return count;
}

/** The 16-bit patterns in little-endian bytes; copied only where they are not aligned. */
export function halvesOf(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 ? bytes.slice() : bytes;
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >>> 1);
}

/** value / 2^shift, to nearest, ties to even; 0 < shift < 32. */
function shiftRounding(value: number, shift: number): number {
  const quotient = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return rest > half || (rest === half && quotient & 1) ? quotient + 1 : quotient;
}

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
