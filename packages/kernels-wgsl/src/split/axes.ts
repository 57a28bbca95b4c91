// How a call falls into pieces where one of its storages is larger than the device binds at once: along an axis, into calls of the same
// kernel over ranges of the storages. Planners describe the axes; whoever runs a call cuts it (cutCall), and only then.
import type { KernelCall } from "../kernel.js";

/** An axis of a call that may be cut. Units are what it counts: rows, quads of elements, batches. */
export interface SplitAxis {
  readonly units: number;
  /** Bytes from one unit to the next, by binding; a piece binds the range of its units. What is not named is bound whole. */
  readonly cut: Readonly<Record<string, number>>;
  /** As `cut`, for bindings whose range begins at the first unit and runs to the end: columns of a matrix, whose rows keep their stride. */
  readonly open?: Readonly<Record<string, number>>;
  /** The call for `count` units, the first of which is number `from`. */
  readonly plan: (from: number, count: number) => KernelCall;
}

/** A piece of a call, and the range in bytes of each storage that it binds: offset, and length or null for all that follows. */
export interface Piece {
  readonly call: KernelCall;
  readonly ranges: Readonly<Record<string, { readonly offset: number; readonly bytes: number | null }>>;
}

/**
 * The pieces of a call along the first axis that makes what is too large small enough; they must run in this order. Ranges begin at multiples of `alignment`.
 * @returns null if no axis helps: one unit is too large already, or the kernel has none
 */
export function cutCall(
  call: KernelCall,
  tooLarge: readonly string[],
  { limit, alignment }: { limit: number; alignment: number },
): Piece[] | null {
  for (const { units, cut, open = {}, plan } of call.splits ?? []) {
    if (!tooLarge.some((name) => cut[name])) continue;
    const names = new Set(call.kernel.bindings.map(({ name }) => name));
    const bound = Object.entries(cut).filter(([name, bytes]) => names.has(name) && bytes > 0);
    const begun = Object.entries(open).filter(([name]) => names.has(name));
    // every range must begin at an aligned offset
    const step = [...bound, ...begun].reduce((least, [, bytes]) => lcm(least, alignment / gcd(alignment, bytes)), 1);
    const fitting = Math.min(...bound.map(([, bytes]) => Math.floor(limit / bytes)));
    const most = fitting >= units ? units : Math.floor(fitting / step) * step;
    if (most === 0) continue;
    return Array.from({ length: Math.ceil(units / most) }, (_, i): Piece => {
      const from = i * most;
      const count = Math.min(most, units - from);
      return {
        call: plan(from, count),
        ranges: Object.fromEntries([
          ...bound.map(([name, bytes]) => [name, { offset: from * bytes, bytes: count * bytes }] as const),
          ...begun.map(([name, bytes]) => [name, { offset: from * bytes, bytes: null }] as const),
        ]),
      };
    });
  }
  return null;
}

/** The one axis of an element-wise call over `count` elements, four a unit: all of `names` are cut alike. */
export function byQuads(
  count: number,
  names: readonly string[],
  plan: (count: number, firstQuad: number) => KernelCall,
): { splits: readonly SplitAxis[] } {
  const axis: SplitAxis = {
    units: Math.ceil(count / 4),
    cut: Object.fromEntries(names.map((name) => [name, 16])),
    plan: (from, quads) => plan(Math.min(4 * quads, count - 4 * from), from),
  };
  return { splits: [axis] };
}

/** The one axis of a call over rows; `cut` gives the bytes of a row by binding. */
export function byRows(
  rows: number,
  cut: Readonly<Record<string, number>>,
  plan: (rows: number, first: number) => KernelCall,
): { splits: readonly SplitAxis[] } {
  return { splits: [{ units: rows, cut, plan: (from, count) => plan(count, from) }] };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
function lcm(a: number, b: number): number {
  return (a / gcd(a, b)) * b;
}
