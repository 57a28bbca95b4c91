import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bf16ToF32, countF16Overflow, f16ToF32, f32ToBf16, f32ToF16 } from "./halves.js";

const all = Uint16Array.from({ length: 65_536 }, (_, i) => i);

/** A pattern's value by its definition, in double precision. */
function numberOf(pattern: number, exponentBits: number, mantissaBits: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >> mantissaBits) & (2 ** exponentBits - 1);
  const fraction = (pattern & (2 ** mantissaBits - 1)) / 2 ** mantissaBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction ? Number.NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

describe.each([
  { name: "bf16", widen: bf16ToF32, narrow: f32ToBf16, exponent: 8, mantissa: 7, infinity: 0x7f80 },
  { name: "f16", widen: f16ToF32, narrow: f32ToF16, exponent: 5, mantissa: 10, infinity: 0x7c00 },
])("$name", ({ widen, narrow, exponent, mantissa, infinity }) => {
  const widened = widen(all);

  it("widens all 65,536 patterns exactly", () => {
    const wrong = [...all].filter((p) => !Object.is(widened[p], numberOf(p, exponent, mantissa)));
    expect(wrong).toEqual([]);
  });

  it("narrows every widened pattern back to itself, NaN payloads included", () => {
    expect(narrow(widened)).toEqual(all);
  });

  it("rounds to nearest, ties to even, around the middle of all neighbours", () => {
    const step = new Float32Array(1);
    const stepBits = new Uint32Array(step.buffer);
    const wrong: number[] = [];
    for (let p = 0; p < infinity; p++) {
      const low = numberOf(p, exponent, mantissa);
      // beyond the largest finite value the next step decides about infinity
      const high = p + 1 === infinity ? low + (low - numberOf(p - 1, exponent, mantissa)) : numberOf(p + 1, exponent, mantissa);
      step[0] = (low + high) / 2; // exact: an f32 has at least one mantissa bit more (also as an f32 subnormal of bf16)
      const middle = stepBits[0]!;
      for (const [bits, want] of [
        [middle - 1, p],
        [middle, p % 2 ? p + 1 : p],
        [middle + 1, p + 1],
      ] as const) {
        const value = new Float32Array(new Uint32Array([bits, bits | 0x80000000]).buffer);
        const got = narrow(value);
        if (got[0] !== want || got[1] !== (want | 0x8000)) wrong.push(p);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("keeps NaN and infinity", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 0x7fffff }), (payload) => {
        const nan = new Float32Array(new Uint32Array([0x7f800000 | payload]).buffer);
        return Number.isNaN(widen(narrow(nan))[0]!);
      }),
    );
    expect([...narrow(Float32Array.of(Infinity, -Infinity, -0))]).toEqual([infinity, infinity | 0x8000, 0x8000]);
  });
});

it("counts what f16 cannot hold", () => {
  expect(countF16Overflow(Float32Array.of(65504, 65519.996, 65520, -1e9, Infinity, Number.NaN))).toBe(2);
});
