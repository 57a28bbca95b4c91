// Every variant of the matmul, forced: ops reach only what the planner would choose on the device at hand.
import type { DeviceFacts } from "../../facts.js";
import { planMatmul, refusalOf } from "../../matmul/plan.js";
import type { MatmulEpilogue, MatmulLayout, MatmulSizes, MatmulStorage, MatmulVariant } from "../../matmul/sizes.js";
import { planPacked } from "../../matmul/steps.js";
import type { Dims, KernelCase, KernelInput } from "../kernelCase.js";
import { scalarFunctions, type Values } from "../references.js";
import { flat } from "./common.js";

const ALPHA = 0.75;
const OUTER = 2;
const flags = { inner: [1, 2], bias: [0, 1], activation: [0, 2], residual: [0, 1], accumulate: [0, 1], gap: [0, 1] } as const;
const all = { inner: 2, bias: 1, activation: 2, residual: 1, accumulate: 1, gap: 1 } as const;
const some = { inner: 1, bias: 1, activation: 1, residual: 0, accumulate: 0, gap: 0 } as const;
const sums = { value: 1e-5, why: "sums of up to 130 products below 1 in f32" };

type Sizes = MatmulSizes & { outer: number; inner: number };

interface Kind {
  variant: MatmulVariant;
  layout: MatmulLayout;
  a?: MatmulStorage;
  b?: MatmulStorage;
  /** b is a frozen weight; with the variant "texture", or this, there are no batches. */
  isConstant?: boolean;
  copiesA?: boolean;
  /** Sizes that come in multiples of so many. */
  steps?: Partial<Record<"m" | "n" | "k", number>>;
  m: readonly [number, number];
  edges: KernelCase["edges"];
}

/** Sizes in their steps, and the strides: rows of c, and of what has gaps, lie 4 (or a step of halves) further apart. */
function sizesOf(kind: Kind, dims: Dims): Sizes {
  const { variant, layout, a = "f32", b = "f32", steps = {}, isConstant = false, copiesA } = kind;
  const isTexture = variant === "texture" || isConstant;
  const rounded = (name: "m" | "n" | "k"): number => Math.ceil(dims[name]! / (steps[name] ?? 1)) * (steps[name] ?? 1);
  const [m, n, k, inner] = [rounded("m"), rounded("n"), rounded("k"), isTexture ? 1 : dims.inner!];
  const gap = dims.gap! * (steps.k ?? 4);
  const place = (rows: number, cols: number, between = gap) => {
    const rowStride = cols + between;
    return { rowStride, outerStride: inner * rows * rowStride, innerStride: rows * rowStride };
  };
  const [aGap, bGap] = isTexture ? [0, 0] : [gap, gap];
  return {
    layout, m, n, k, outer: isTexture ? 1 : OUTER, inner, bIsConstant: isConstant, copiesA, aStorage: a, bStorage: b, alpha: ALPHA, force: variant,
    accumulate: dims.accumulate === 1, epilogue: epilogueOf(dims),
    a: layout === "tn" ? place(k, m, aGap) : place(m, k, aGap), b: layout === "nt" ? place(n, k, bGap) : place(k, n, bGap), c: place(m, n),
  }; // biome-ignore format: few lines
}
function epilogueOf({ bias, activation, residual }: Dims): MatmulEpilogue {
  return {
    bias: bias === 1,
    residual: residual === 1,
    ...(activation ? { activation: (["relu", "geluNew"] as const)[activation - 1]! } : {}),
  };
}

/** Storages of c, and of what the epilogue adds. */
function rest({ m, n, outer, inner, c, epilogue }: Sizes): Record<string, KernelInput> {
  const shape = [outer, inner, m, c.rowStride];
  return {
    c: { shape },
    ...(epilogue?.bias ? { bias: { shape: [n] } } : {}),
    ...(epilogue?.residual ? { residual: { shape } } : {}),
  };
}

/** c, from products that `left` and `right` read; between its rows it keeps its values. */
function expected(
  { m, n, k, c, outer, inner, epilogue = {}, accumulate }: Sizes,
  inputs: Readonly<Record<string, Values>>,
  left: (z: number, row: number, depth: number) => number,
  right: (z: number, depth: number, col: number) => number,
): Record<string, Values> {
  const { rowStride } = c;
  return {
    c: flat([outer, inner, m, rowStride], (i) => {
      const [z, row, col] = [Math.floor(i / (m * rowStride)), Math.floor(i / rowStride) % m, i % rowStride];
      const old = inputs.c!.data[i]!;
      if (col >= n) return old;
      let sum = 0;
      for (let depth = 0; depth < k; depth++) sum += left(z, row, depth) * right(z, depth, col);
      let y = ALPHA * sum + (epilogue.bias ? inputs.bias!.data[col]! : 0);
      if (epilogue.activation) y = scalarFunctions[epilogue.activation](y);
      return y + (epilogue.residual ? inputs.residual!.data[i]! : 0) + (accumulate ? old : 0);
    }),
  };
}

function matmulCase(kind: Kind): KernelCase {
  const { variant, layout, a = "f32", b = "f32", m, edges, isConstant = false, copiesA } = kind;
  const rowsOf = (which: "a" | "b", { m: rows, n, k }: MatmulSizes): number =>
    which === "a" ? (layout === "tn" ? k : rows) : layout === "nt" ? n : k;
  const few = m[1] <= 16 && (variant === "subgroup" || variant === "texture") ? ", few rows" : "";
  const frozen = isConstant ? `, frozen weight${copiesA ? ", both copied" : ""}` : "";
  return {
    name: `matmul/${variant === "texture" ? "subgroup, textures" : variant}, ${layout}, ${a === b ? a : `${a} and ${b}`}${few}${frozen}`,
    dims: { m, n: [1, 70], k: [1, 60], ...flags },
    edges,
    ...(variant === "matrix"
      ? { needs: (facts) => refusalOf("matrix", sizesOf(kind, { m: 1, n: 1, k: 1, ...all }), facts) }
      : {}),
    plan: (dims, facts) => planMatmul(sizesOf(kind, dims), facts),
    inputs: (dims) => {
      const sizes = sizesOf(kind, dims);
      const of = (which: "a" | "b", dtype: MatmulStorage): KernelInput => ({
        shape: [sizes.outer, sizes.inner, rowsOf(which, sizes), sizes[which].rowStride],
        dtype,
      });
      return { a: of("a", a), b: of("b", b), ...rest(sizes) };
    },
    reference: (inputs, dims) => {
      const sizes = sizesOf(kind, dims);
      const read = (which: "a" | "b", z: number, row: number, col: number): number =>
        inputs[which]!.data[(z * rowsOf(which, sizes) + row) * sizes[which].rowStride + col]!;
      return expected(
        sizes,
        inputs,
        (z, row, depth) => (layout === "tn" ? read("a", z, depth, row) : read("a", z, row, depth)),
        (z, depth, col) => (layout === "nt" ? read("b", z, col, depth) : read("b", z, depth, col)),
      );
    },
    bound: sums,
  };
}

/** Sizes of a plain tn matmul whose operands are panels. */
const packedSizes = (dims: Dims): Sizes => ({
  ...sizesOf({ variant: "plain", layout: "nt", steps: { k: 1 }, m: [1, 1], edges: [] }, dims), // gaps of one
  force: undefined,
});

const packedEdges = [
  { m: 35, n: 37, k: 9, ...all, gap: 1, why: "odd: several panels, the last with an edge" },
  { m: 7, n: 33, k: 5, ...some, why: "one panel of rows, two of columns" },
  { m: 36, n: 36, k: 20, ...all, gap: 0, why: "fours everywhere: c is stored by vec4" },
  { m: 36, n: 36, k: 3, ...some, gap: 1, why: "fours, but the rows of c are odd" },
  { m: 36, n: 38, k: 3, ...some, gap: 1, why: "two columns beyond a multiple of four" },
  { m: 36, n: 39, k: 3, ...some, gap: 1, why: "three beyond" },
] as const;
const widthOf = ({ subgroupSize }: DeviceFacts): number => 4 * subgroupSize!;
const LAYOUTS = ["nt", "nn", "tn"] as const;

/** Panels of a or b: their matrices, how many a matrix has, and the value of the operand at (z, index, depth). */
const packCase = (which: "a" | "b", layout: MatmulLayout, storage: MatmulStorage): KernelCase => {
  const sizes = (dims: Dims): Sizes => {
    const kind = { variant: "plain", layout, [which]: storage, m: [1, 1], edges: [] } as const;
    return { ...sizesOf(kind, dims), force: undefined };
  };
  const alongK = which === "a" ? layout !== "tn" : layout === "nt";
  const shapeOf = (of: Sizes): number[] => {
    const size = which === "a" ? of.m : of.n;
    return [OUTER, of.inner, alongK ? size : of.k, of[which].rowStride];
  };
  return {
    name: `matmul/pack, ${which} of ${layout}, ${storage}`,
    dims: { m: [1, 70], n: [1, 70], k: [1, 40], ...flags },
    edges: packedEdges.map((edge) => ({ ...edge })),
    plan: (dims, facts) => {
      const plan = planPacked(sizes(dims), facts);
      return plan.steps.find(({ bound }) => bound.x === which)!.call;
    },
    inputs: (dims) => ({ x: { shape: shapeOf(sizes(dims)), dtype: storage } }),
    reference: ({ x }, dims, _, facts) => {
      const of = sizes(dims);
      const [size, width] = [which === "a" ? of.m : of.n, widthOf(facts)];
      const panels = Math.ceil(size / width);
      const [, , rows, stride] = shapeOf(of) as [number, number, number, number];
      return {
        y: flat([OUTER * of.inner, panels, of.k, width], (i) => {
          const [z, panel] = [Math.floor(i / (panels * of.k * width)), Math.floor(i / (of.k * width)) % panels];
          const [depth, index] = [Math.floor(i / width) % of.k, panel * width + (i % width)];
          if (index >= size) return 0;
          return x!.data[z * rows * stride + (alongK ? index * stride + depth : depth * stride + index)]!;
        }),
      };
    },
  };
};

const tileEdges: KernelCase["edges"] = [
  { m: 36, n: 36, k: 20, ...all, why: "a tile and a bit in both directions, everything at once" },
  { m: 33, n: 5, k: 8, ...some, gap: 1, why: "few columns" },
  ...[41, 50, 59].map((n) => ({ m: 33, n, k: 4, ...some, gap: 1, why: "the end lies in another column of a lane" })),
];
const fewRows: KernelCase["edges"] = [
  { m: 12, n: 36, k: 12, ...all, why: "two tiles of few rows" },
  ...[9, 18, 27].map((n) => ({
    m: 3,
    n,
    k: 4,
    ...some,
    gap: 1,
    why: "less than a tile; the end lies in another column of a lane",
  })),
];
const fours = { nt: { k: 4 }, nn: { k: 4, n: 4 }, tn: { m: 4, n: 4 } } as const;
const plainEdges: KernelCase["edges"] = [
  { m: 9, n: 17, k: 5, ...all, why: "several tiles, odd everywhere" },
  { m: 8, n: 8, k: 8, ...some, why: "one tile exactly" },
];
const workgroupEdges: KernelCase["edges"] = [
  { m: 65, n: 66, k: 17, ...all, why: "a tile and a bit in each direction" },
  { m: 3, n: 5, k: 33, ...some, why: "less than a tile, three turns over k" },
  { m: 257, n: 5, k: 3, ...some, why: "ten tiles: folded into two dimensions, the grid has two too many" },
];

const vectorEdges: KernelCase["edges"] = [
  { m: 2, n: 21, k: 72, ...all, why: "two turns of the lanes over k, the last one not full" },
  { m: 1, n: 9, k: 8, ...some, why: "fewer k than lanes take" },
];

export const matmulCases: readonly KernelCase[] = [
  ...LAYOUTS.flatMap((layout) => [
    matmulCase({ variant: "subgroup", layout, steps: fours[layout], m: [17, 70], edges: tileEdges }),
    matmulCase({ variant: "subgroup", layout, steps: fours[layout], m: [1, 16], edges: fewRows }),
    matmulCase({ variant: "plain", layout, m: [1, 30], edges: plainEdges }),
    matmulCase({ variant: "workgroup", layout, m: [1, 80], edges: workgroupEdges }),
  ]),
  ...(["bf16", "f16"] as const).flatMap((half) => [
    ...LAYOUTS.flatMap((layout) => [
      matmulCase({ variant: "subgroup", layout, b: half, steps: fours[layout], m: [1, 16], edges: fewRows }),
      matmulCase({ variant: "subgroup", layout, a: half, b: half, steps: fours[layout], m: [17, 40], edges: tileEdges }),
      // a frozen weight beside activations in f32, and both in halves
      ...(["f32", half] as const).flatMap((a) => [
        matmulCase({ variant: "plain", layout, a, b: half, m: [1, 30], edges: plainEdges }),
        matmulCase({ variant: "workgroup", layout, a, b: half, m: [1, 80], edges: workgroupEdges }),
      ]),
    ]),
  ]),
  ...LAYOUTS.map((layout) => matmulCase({ variant: "matrix", layout, a: "f16", b: "f16", m: [1, 80], edges: workgroupEdges })),
  matmulCase({ variant: "texture", layout: "nt", steps: fours.nt, m: [17, 70], edges: tileEdges }),
  matmulCase({ variant: "texture", layout: "nn", steps: fours.nn, m: [17, 70], edges: tileEdges }),
  ...(["f32", "bf16", "f16"] as const).flatMap((b) => [
    matmulCase({ variant: "vector", layout: "nt", b, steps: { k: 8 }, m: [1, 4], edges: vectorEdges }),
    matmulCase({ variant: "vector", layout: "nt", b, isConstant: true, steps: { k: 8 }, m: [1, 4], edges: vectorEdges }),
    ...[false, true].map((copiesA) =>
      matmulCase({
        ...{ variant: "texture", layout: "nt", b, isConstant: true, copiesA, edges: fewRows },
        ...{ steps: { k: b === "f32" ? 4 : 8 }, m: [1, 16] },
      }),
    ),
  ]),
  ...[packCase("a", "nt", "f32"), packCase("b", "nn", "bf16"), packCase("b", "nt", "f16")],
  {
    name: "matmul/subgroup, panels",
    dims: { m: [1, 70], n: [1, 70], k: [1, 40], ...flags },
    edges: packedEdges,
    plan: (dims, facts) => planPacked(packedSizes(dims), facts).steps.at(-1)!.call,
    inputs: (dims, facts) => {
      const sizes = packedSizes(dims);
      const panels = (size: number): number[] => [OUTER * sizes.inner, Math.ceil(size / widthOf(facts)), sizes.k, widthOf(facts)];
      return { a: { shape: panels(sizes.m) }, b: { shape: panels(sizes.n) }, ...rest(sizes) };
    },
    reference: (inputs, dims, _, facts) => {
      const width = widthOf(facts);
      const read = (which: "a" | "b", z: number, index: number, depth: number): number => {
        const [, panels, k] = inputs[which]!.shape as [number, number, number, number];
        return inputs[which]!.data[((z * panels + Math.floor(index / width)) * k + depth) * width + (index % width)]!;
      };
      return expected(
        packedSizes(dims),
        inputs,
        (z, row, depth) => read("a", z, row, depth),
        (z, depth, col) => read("b", z, col, depth),
      );
    },
    bound: sums,
  },
];
