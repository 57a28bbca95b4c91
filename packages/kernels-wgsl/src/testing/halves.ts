// Values as packed halves hold them, for tests: by search over all 65,536 patterns rather than by the arithmetic under test.

/** The value of every pattern of a half type. */
function valuesOf(dtype: "bf16" | "f16"): Float64Array {
  return Float64Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const [exponentBits, fractionBits, bias] = dtype === "bf16" ? [8, 7, 127] : [5, 10, 15];
    const exponent = (bits >> fractionBits) & (2 ** exponentBits - 1);
    const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
    if (exponent === 2 ** exponentBits - 1) return Number.NaN; // infinities and NaN are not drawn
    return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
  });
}
const tables = new Map<string, { values: Float64Array; order: Int32Array }>();

function tableOf(dtype: "bf16" | "f16") {
  const known = tables.get(dtype);
  if (known) return known;
  const values = valuesOf(dtype);
  const order = Int32Array.from(values.keys()).filter((bits) => !Number.isNaN(values[bits]));
  order.sort((a, b) => values[a]! - values[b]!);
  const made = { values, order };
  tables.set(dtype, made);
  return made;
}

/** A nearby representable value for each number, and the packed words (low half first). */
export function narrowed(dtype: "bf16" | "f16", numbers: Float64Array): { values: Float64Array; words: Uint32Array } {
  const { values, order } = tableOf(dtype);
  const words = new Uint32Array(Math.ceil(numbers.length / 2));
  const rounded = numbers.map((number, i) => {
    let [low, high] = [0, order.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[order[middle]!]! < number) low = middle + 1;
      else high = middle;
    }
    const bits = order[low]!;
    words[i >> 1]! |= i % 2 === 0 ? bits : bits << 16;
    return values[bits]!;
  });
  return { values: rounded, words };
}
