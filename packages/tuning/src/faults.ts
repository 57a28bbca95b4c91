// Which gradient is not finite: read back once, when an update was refused, and judged by its bits.
import type { ParameterSet } from "@attune/tensor";

export interface NonFiniteValue {
  /** Of the parameter. */
  name: string;
  /** The first such value, and where it stands in the parameter. */
  value: number;
  index: number;
  /** How many of the parameter's values are not finite, and how many it has. */
  count: number;
  size: number;
}

/** Elements that are in host memory at a time. */
const PIECE = 4 << 20;
/** All ones in the exponent of an f32: NaN or an infinity. */
const EXPONENT = 0x7f800000;

export interface GradientFaults {
  /** Of all gradients together, before clipping and with the loss scale that they have. */
  norm: number;
  /** In the order of the arenas; null where all are finite. */
  first: NonFiniteValue | null;
}

/** Of the gradients that lie in the arenas now. Reads them all: waits for the device. */
export async function gradientFaults({ ranges, device }: ParameterSet): Promise<GradientFaults> {
  let squares = 0;
  let first: NonFiniteValue | null = null;
  for (const { grad, places } of ranges)
    for (const { name, shape, offset } of places) {
      const size = shape.reduce((product, n) => product * n, 1);
      let found: NonFiniteValue | null = null;
      for (let begin = 0; begin < size; begin += PIECE) {
        const slice = grad.slice(4 * (offset + begin), 4 * Math.min(PIECE, size - begin), "gradient");
        const bytes = await device.read(slice, slice.bytes);
        const [words, values] = [new Uint32Array(bytes), new Float32Array(bytes)];
        for (let i = 0; i < words.length; i++) {
          squares += values[i]! ** 2;
          if ((words[i]! & EXPONENT) >>> 0 !== EXPONENT) continue;
          found ??= { name, value: values[i]!, index: begin + i, count: 0, size };
          found.count++;
        }
      }
      first ??= found;
    }
  return { norm: Math.sqrt(squares), first };
}
