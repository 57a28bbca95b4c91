// Sizes at which something overflows: 65,535, 65,536 and 65,537 workgroups, where a grid begins to take two dimensions, and 2^24 + 1
// elements, which an f32 cannot count. One kernel of each family, through the harness. What takes more than a second is for the long mode.
import { type DeviceFacts, planMatmul, softwareFacts } from "@attune/kernels-wgsl";
import { checkKernel, type KernelCase, type KernelDevice, kernelCases } from "@attune/kernels-wgsl/testing";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const IS_LONG = Boolean(process.env.ATTUNE_LONG);
const GROUPS = [65_535, 65_536, 65_537] as const;
const ELEMENTS = 2 ** 24 + 1;
/** ELEMENTS = ROWS * COLS */
const [ROWS, COLS] = [24_929, 673] as const;

type Dims = Readonly<Record<string, number>>;
/** c [m, n] = a [m, k] b [n, k]^T in one batch, as matmul cases have two. */
const tall: KernelCase = {
  name: "matmul/plain, tall",
  dims: { m: [1, 2 ** 25], n: [1, 8], k: [1, 8] },
  edges: [],
  plan: ({ m, n, k }, facts) =>
    planMatmul(
      { layout: "nt", m: m!, n: n!, k: k!, a: { rowStride: k! }, b: { rowStride: k! }, c: { rowStride: n! }, force: "plain" },
      facts,
    ),
  inputs: ({ m, n, k }) => ({ a: { shape: [m!, k!] }, b: { shape: [n!, k!] } }),
  reference: ({ a, b }, { m, n, k }) => {
    const data = new Float64Array(m! * n!);
    for (let row = 0; row < m!; row++)
      for (let col = 0; col < n!; col++)
        for (let depth = 0; depth < k!; depth++) data[row * n! + col]! += a!.data[row * k! + depth]! * b!.data[col * k! + depth]!;
    return { c: { shape: [m!, n!], data } };
  },
};

interface Family {
  kernel: string;
  /** Sizes that make exactly so many workgroups. */
  groups: (count: number) => Dims;
  /** Whether those take a second each at most. */
  isQuick: boolean;
  /** Sizes that make 2^24 + 1 elements; absent where 65,537 workgroups have them. */
  elements?: Dims;
}

const FAMILIES: Readonly<Record<string, Family>> = {
  "element-wise": {
    kernel: "elementwise/unary, relu",
    groups: (count) => ({ count: 256 * (count - 1) + 1 }),
    isQuick: false, // 256 * 65,536 + 1 elements
  },
  reduction: {
    kernel: "reduce/rows",
    groups: (count) => ({ rows: count, cols: 3, squares: 0, root: 0 }),
    isQuick: true,
    elements: { rows: ROWS, cols: COLS, squares: 1, root: 0 },
  },
  "reduction over rows": {
    kernel: "reduce/columns",
    groups: (count) => ({ outer: 1, middle: 1, inner: 64 * (count - 1) + 1, accumulate: 0 }),
    isQuick: false,
    elements: { outer: 1, middle: 97, inner: 172_961, accumulate: 0 }, // few terms a sum: the bound is for dozens of them
  },
  softmax: {
    kernel: "softmax/rows",
    groups: (count) => ({ rows: count, cols: 2 }),
    isQuick: true,
    elements: { rows: ROWS, cols: COLS },
  },
  norm: {
    kernel: "norm/rms",
    groups: (count) => ({ rows: count, cols: 3 }),
    isQuick: true,
    elements: { rows: ROWS, cols: COLS },
  },
  loss: {
    kernel: "crossEntropy/rows",
    groups: (count) => ({ rows: count, cols: 3, smooth: 1 }),
    isQuick: true,
    elements: { rows: ROWS, cols: COLS, smooth: 1 },
  },
  gather: {
    kernel: "embedding/gather, f32",
    groups: (count) => ({ rows: 7, cols: 1, tokens: 64 * (count - 1) + 1 }),
    isQuick: false,
    elements: { rows: 7, cols: COLS, tokens: ROWS },
  },
  "random numbers": {
    kernel: "dropout/dropout",
    groups: (count) => ({ count: 256 * (count - 1) + 1 }),
    isQuick: false, // 256 * 65,536 + 1 elements
  },
  optimizer: {
    kernel: "optimizer/adamw",
    groups: (count) => ({ quads: 64 * (count - 1) + 1, decayed: 2 ** 21, good: 1 }),
    isQuick: false, // in fours, as weights lie
  },
  "optimizer, jobs": {
    kernel: "optimizer/adafactor_stats",
    // two matrices and a vector make a job a row, and one for every 32 columns
    groups: (count) => ({ rows: Math.floor((count - 3) / 2), cols: count % 2 === 0 ? 33 : 2, cut: 0, good: 1 }),
    isQuick: false,
    elements: { rows: ROWS, cols: COLS, cut: 0, good: 1 },
  },
  "rows of a product": {
    kernel: tall.name,
    groups: (count) => ({ m: 8 * (count - 1) + 1, n: 1, k: 1 }),
    isQuick: true,
    elements: { m: ELEMENTS, n: 1, k: 1 },
  },
};

const caseOf = (name: string): KernelCase => [...kernelCases, tall].find((one) => one.name === name)!;
const unlimited: DeviceFacts = {
  ...softwareFacts,
  limits: { ...softwareFacts.limits, maxComputeWorkgroupsPerDimension: 2 ** 31 },
};

const runs = Object.entries(FAMILIES).flatMap(([family, { kernel, groups, isQuick, elements }]) => [
  ...GROUPS.map((count) => ({ what: `${family}: ${count} workgroups`, kernel, dims: groups(count), count, isQuick })),
  ...(elements ? [{ what: `${family}: 2^24 + 1 elements`, kernel, dims: elements, count: null, isQuick: false }] : []),
]);

describe("sizes", () => {
  let owner: NodeDevice;
  let device: KernelDevice;
  beforeAll(async () => {
    owner = await openDevice();
    device = { gpu: owner.backend.gpu, facts: owner.facts };
  });
  afterAll(() => owner.destroy());

  it.each(runs)("$what: as many as are meant", ({ kernel, dims, count }) => {
    const { plan, inputs } = caseOf(kernel);
    if (count !== null) expect(plan(dims, unlimited).workgroups).toEqual([count, 1, 1]);
    else {
      const sizes = Object.values(inputs(dims, unlimited)).map(({ shape }) => shape.reduce((a, b) => a * b, 1));
      expect(Math.max(...sizes, (dims.tokens ?? 0) * (dims.cols ?? 0))).toBeGreaterThanOrEqual(ELEMENTS);
    }
    const [x, y, z] = plan(dims, softwareFacts).workgroups;
    expect(Math.max(x, y, z)).toBeLessThanOrEqual(65_535);
  });

  it.each(runs.filter(({ isQuick }) => isQuick || IS_LONG))("$what", { timeout: 600_000 }, async ({ kernel, dims }) => {
    const report = await checkKernel(device, caseOf(kernel), { dims, seed: 20261122 });
    expect(report.counterexample).toBeNull();
  });

  it("a kernel that knows only one dimension of its grid is noticed where there are two, and not before", async () => {
    const rewrite: KernelDevice["rewrite"] = (_, code) => {
      const flat = code.replace("group.y * groups.x + group.x", "group.x");
      expect(flat).not.toBe(code);
      return flat;
    };
    const softmax = caseOf("softmax/rows");
    const found = async (rows: number) =>
      (await checkKernel({ ...device, rewrite }, softmax, { dims: { rows, cols: 2 }, seed: 1 })).counterexample?.failures[0];
    expect(await found(65_536)).toMatch(/device NaN|error/);
    // one dimension is enough for 65,535; only the run with a folded grid, which stands for larger ones, tells
    expect(await found(65_535)).toMatch(/^run with a folded grid/);
  });
});
