// How a matmul is cut where a, b or c is larger than the device binds at once.
import type { KernelCall } from "../kernel.js";
import type { SplitAxis } from "../split/axes.js";
import type { MatmulSizes, MatmulStorage, MatrixPlace } from "./sizes.js";

const bytesOf = (storage: MatmulStorage = "f32"): number => (storage === "f32" ? 4 : 2);

/** Whether an operand or c, dense from its first element on, takes more than `limit` bytes. */
export function exceeds(sizes: MatmulSizes, limit: number): boolean {
  const { layout, m, n, k, outer = 1, inner = 1 } = sizes;
  const bytes = ({ rowStride, outerStride = 0, innerStride = 0 }: MatrixPlace, rows: number, storage?: MatmulStorage): number =>
    bytesOf(storage) * ((outer - 1) * outerStride + (inner - 1) * innerStride + rows * rowStride);
  const { a, b, c } = sizes;
  return (
    bytes(a, layout === "tn" ? k : m, sizes.aStorage) > limit ||
    bytes(b, layout === "nt" ? n : k, sizes.bStorage) > limit ||
    bytes(c, m) > limit
  );
}

/**
 * Batches are cut apart. A single matrix is cut along rows of c, then columns of c, which keep every sum as it is; b's rows of nn, and the
 * rows of both of tn, lie along k: their pieces are added up in c, each rounded on its own.
 */
export function matmulSplits(sizes: MatmulSizes, plan: (sizes: MatmulSizes) => KernelCall): readonly SplitAxis[] {
  const { layout, m, n, k, a, b, c, outer = 1, inner = 1, epilogue } = sizes;
  const [aBytes, bBytes] = [bytesOf(sizes.aStorage), bytesOf(sizes.bStorage)];
  if (outer > 1) {
    const cut = {
      a: (a.outerStride ?? 0) * aBytes,
      b: (b.outerStride ?? 0) * bBytes,
      c: (c.outerStride ?? 0) * 4,
      residual: (c.outerStride ?? 0) * 4,
    };
    return [{ units: outer, cut, plan: (_, count) => plan({ ...sizes, outer: count }) }];
  }
  if (inner > 1) return [];
  const rows: SplitAxis = {
    units: m,
    cut: { c: 4 * c.rowStride, residual: 4 * c.rowStride, ...(layout === "tn" ? {} : { a: aBytes * a.rowStride }) },
    ...(layout === "tn" ? { open: { a: aBytes } } : {}),
    plan: (_, count) => plan({ ...sizes, m: count }),
  };
  const columns: SplitAxis = {
    units: n,
    cut: { bias: 4, ...(layout === "nt" ? { b: bBytes * b.rowStride } : {}) },
    open: { c: 4, residual: 4, ...(layout === "nt" ? {} : { b: bBytes }) },
    plan: (_, count) => plan({ ...sizes, n: count }),
  };
  const depth: SplitAxis = {
    units: k,
    cut: { b: bBytes * b.rowStride, ...(layout === "tn" ? { a: aBytes * a.rowStride } : {}) },
    ...(layout === "tn" ? {} : { open: { a: aBytes } }),
    plan: (from, count) => plan({ ...sizes, k: count, accumulate: sizes.accumulate || from > 0 }),
  };
  // what follows a sum must see all of it
  return layout === "nt" ? [rows, columns] : epilogue ? [rows] : [rows, depth];
}
