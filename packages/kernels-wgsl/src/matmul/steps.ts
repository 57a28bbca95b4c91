// A matmul in several calls: operands packed into panels first, or k split into ranges whose partial sums are added up in order.
import { type DeviceFacts, spread } from "../facts.js";
import { matmulPack } from "../generated/kernels.js";
import type { KernelCall } from "../kernel.js";
import { planColumnSum } from "../reduce/plan.js";
import { planMatmul, STORAGE } from "./plan.js";
import type { MatmulSizes, MatmulStorage, MatrixPlace } from "./sizes.js";
import { exceeds } from "./split.js";

/** One call and what its storages are: names of the caller's (a, b, c, bias, residual) or of `scratch`. */
export interface MatmulStep {
  readonly call: KernelCall;
  readonly bound: Readonly<Record<string, string>>;
}
export interface MatmulPlan {
  /** Bytes of each storage that lives only between the steps. */
  readonly scratch: Readonly<Record<string, number>>;
  readonly steps: readonly MatmulStep[];
}

const DIRECT = { a: "a", b: "b", c: "c", bias: "bias", residual: "residual" } as const;

/**
 * The calls for one matmul. On software adapters operands of large products are packed first where their layout is not that of the
 * fastest kernel: 1.2 to 1.8 times the speed of reading them where they are, and odd sizes and strides are served too (docs/log.md).
 * On GPUs a product with few tiles and a long k is split over k. Otherwise, and where an operand is larger than a binding, it is
 * planMatmul's single call, which can be cut.
 */
export function planMatmulSteps(sizes: MatmulSizes, facts: DeviceFacts): MatmulPlan {
  if (exceeds(sizes, facts.limits.maxStorageBufferBindingSize)) {
    return { scratch: {}, steps: [{ call: planMatmul(sizes, facts), bound: DIRECT }] };
  }
  if (whyPack(sizes, facts) !== null) return planPacked(sizes, facts);
  const splits = facts.isSoftware || sizes.force || sizes.c.rowStride !== sizes.n ? 1 : splitsFor(sizes);
  if (splits > 1) return planSplitK(sizes, splits, facts);
  return { scratch: {}, steps: [{ call: planMatmul(sizes, facts), bound: DIRECT }] };
}

/** Products that each packed element must take part in for packing to pay, by what is done without (at 512^3, 256 each, nt lost by it). */
const WORTHWHILE = { nt: 300, nn: 32, tn: Number.POSITIVE_INFINITY, plain: 4 } as const;

function whyPack(sizes: MatmulSizes, facts: DeviceFacts): string | null {
  const { layout, m, n, k, outer = 1, inner = 1, force, packed } = sizes;
  if (planMatmul(sizes, facts).textures) return null; // read faster still
  if (force || packed || !facts.isSoftware || facts.subgroupSize === null || m <= 2 || k === 0) return null;
  const which = packedOperands(sizes);
  const elements = (which.a ? copies(sizes, "a") * m * k : 0) + (which.b ? copies(sizes, "b") * n * k : 0);
  const products = outer * inner * m * n * k;
  if (products < WORTHWHILE.plain * elements) return null;
  const isPlain = planMatmul(sizes, facts).reason.startsWith("plain");
  if (products < WORTHWHILE[isPlain ? "plain" : layout] * elements) return null;
  const bytes = Math.max(panelBytes(sizes, "a", facts), panelBytes(sizes, "b", facts));
  return bytes <= facts.limits.maxStorageBufferBindingSize ? `each is used ${Math.round(products / elements)} times` : null;
}

/** Operands that tn cannot read where they are: k is their contiguous axis, or a row starts between multiples of four. */
function packedOperands({ layout, m, n, a, b, aStorage = "f32", bStorage = "f32" }: MatmulSizes): { a: boolean; b: boolean } {
  const isOdd = (place: MatrixPlace, size: number): boolean =>
    [size, place.rowStride, place.outerStride ?? 0, place.innerStride ?? 0].some((stride) => stride % 4 !== 0);
  return {
    a: layout !== "tn" || aStorage !== "f32" || isOdd(a, m),
    b: layout === "nt" || bStorage !== "f32" || isOdd(b, n),
  };
}

/** Packs what must be, then multiplies as tn. @throws where subgroups have no fixed size */
export function planPacked(sizes: MatmulSizes, facts: DeviceFacts): MatmulPlan {
  if (facts.subgroupSize === null) throw new Error("matmul: packed operands need subgroups of one fixed size. Use planMatmul.");
  const { inner = 1 } = sizes;
  const packed = packedOperands(sizes);
  const scratch: Record<string, number> = {};
  const steps: MatmulStep[] = [];
  const bound: Record<string, string> = { ...DIRECT };
  const places = { a: sizes.a, b: sizes.b };
  for (const which of ["a", "b"] as const) {
    if (!packed[which]) continue;
    const bytes = panelBytes(sizes, which, facts);
    const one = bytes / 4 / copies(sizes, which);
    places[which] = { rowStride: 0, ...(copies(sizes, which) === 1 ? {} : { outerStride: inner * one, innerStride: one }) };
    scratch[`packed ${which}`] = bytes;
    bound[which] = `packed ${which}`;
    steps.push({ call: planPack(sizes, which, facts), bound: { x: which, y: `packed ${which}` } });
  }
  const call = planMatmul({ ...sizes, ...places, layout: "tn", aStorage: "f32", bStorage: "f32", packed }, facts);
  return { scratch, steps: [...steps, { call, bound }] };
}

/** Matrices of an operand that are packed: one where the whole batch shares it. */
function copies({ a, b, outer = 1, inner = 1 }: MatmulSizes, which: "a" | "b"): number {
  const { outerStride = 0, innerStride = 0 } = which === "a" ? a : b;
  return outerStride === 0 && innerStride === 0 ? 1 : outer * inner;
}
function panelBytes(sizes: MatmulSizes, which: "a" | "b", facts: DeviceFacts): number {
  const width = 4 * facts.subgroupSize!;
  return 4 * copies(sizes, which) * Math.ceil((which === "a" ? sizes.m : sizes.n) / width) * width * sizes.k;
}

/** Copies an operand into panels (pack.wgsl). */
function planPack(sizes: MatmulSizes, which: "a" | "b", facts: DeviceFacts): KernelCall {
  const { layout, k, inner = 1 } = sizes;
  const [place, size, storage, alongK] =
    which === "a"
      ? ([sizes.a, sizes.m, sizes.aStorage ?? "f32", layout !== "tn"] as const)
      : ([sizes.b, sizes.n, sizes.bStorage ?? "f32", layout === "nt"] as const);
  const width = 4 * facts.subgroupSize!;
  const bytes = panelBytes(sizes, which, facts);
  const isHalf: boolean = (storage as MatmulStorage) !== "f32";
  return {
    kernel: matmulPack,
    variant: { STORAGE: STORAGE[storage], Word: isHalf ? "u32" : "f32" },
    params: {
      size, depth: k, width, panels: Math.ceil(size / width), quads: bytes / 16, inner,
      step_i: alongK ? place.rowStride : 1, step_k: alongK ? 1 : place.rowStride,
      outer_stride: place.outerStride ?? 0, inner_stride: place.innerStride ?? 0,
    }, // biome-ignore format: by axis
    workgroups: spread(Math.ceil(bytes / 16 / 64), facts),
    reason: `operand ${which} into panels of ${width}`,
    flops: 0,
    bytes: bytes + copies(sizes, which) * size * k * (isHalf ? 2 : 4),
  };
}

/**
 * k in `splits` ranges side by side: products with few outputs and a long k (a weight gradient of a small layer) give a GPU too few
 * tiles otherwise. Partial sums [splits, m, n] are added up in the order of k, so that the result is the same every time.
 * @throws on batches, an epilogue or c with gaps: the sum knows only dense matrices
 */
export function planSplitK(sizes: MatmulSizes, splits: number, facts: DeviceFacts): MatmulPlan {
  const { layout, m, n, k, a, b, c, outer = 1, inner = 1, alpha = 1, accumulate = false, epilogue } = sizes;
  if (outer * inner !== 1 || epilogue || c.rowStride !== n || !Number.isInteger(k / splits) || splits < 1) {
    const given = `outer=${outer}, inner=${inner}, c.rowStride=${c.rowStride}, n=${n}, k=${k}, splits=${splits}, epilogue=${JSON.stringify(epilogue)}`;
    throw new Error(
      `matmul split over k: expected one dense matrix without epilogue and a divisor of k, got ${given}. Use planMatmul.`,
    );
  }
  const depth = k / splits;
  const along = (place: MatrixPlace, isAlongK: boolean): MatrixPlace => ({
    rowStride: place.rowStride,
    outerStride: depth * (isAlongK ? 1 : place.rowStride),
  });
  const parts: MatmulSizes = {
    ...sizes,
    k: depth,
    outer: splits,
    alpha: 1,
    accumulate: false,
    a: along(a, layout !== "tn"),
    b: along(b, layout === "nt"),
    c: { rowStride: n, outerStride: m * n },
  };
  const sum = planColumnSum({ outer: 1, middle: splits, inner: m * n, scale: alpha, accumulate }, facts);
  return {
    scratch: { partial: 4 * splits * m * n },
    steps: [
      { call: planMatmul(parts, facts), bound: { ...DIRECT, c: "partial" } },
      { call: sum, bound: { x: "partial", y: "c" } },
    ],
  };
}

/** A count of ranges that gives a GPU about `tiles` tiles of work, or 1: a divisor of k that leaves ranges of at least 128. */
export function splitsFor({ m, n, k, outer = 1, inner = 1, epilogue }: MatmulSizes, tiles = 256): number {
  if (outer * inner !== 1 || epilogue) return 1;
  const wanted = Math.floor(tiles / (Math.ceil(m / 64) * Math.ceil(n / 64)));
  for (let splits = Math.min(wanted, Math.floor(k / 128)); splits > 1; splits--) if (k % (4 * splits) === 0) return splits;
  return 1;
}
