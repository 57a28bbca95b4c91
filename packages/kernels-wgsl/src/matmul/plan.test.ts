// Which matmul is chosen, and why: decided without a device, so tested without one.
import { describe, expect, it } from "vitest";
import { type DeviceFacts, MATRIX_FEATURE, softwareFacts } from "../facts.js";
import { specialize } from "../kernel.js";
import { planMatmul } from "./plan.js";
import type { MatmulLayout, MatmulSizes } from "./sizes.js";
import { planMatmulSteps, planSplitK, splitsFor } from "./steps.js";

/** Matrices one after the other, c [m, n]. */
const dense = (layout: MatmulLayout, m: number, n: number, k: number, more: Partial<MatmulSizes> = {}): MatmulSizes => ({
  layout,
  m,
  n,
  k,
  a: { rowStride: layout === "tn" ? m : k },
  b: { rowStride: layout === "nt" ? k : n },
  c: { rowStride: n },
  ...more,
});

/** A software adapter whose operands can only be bound as buffers. */
const buffers: DeviceFacts = { ...softwareFacts, features: ["subgroups"] };
const gpu: DeviceFacts = {
  ...softwareFacts,
  adapter: { vendor: "nvidia", architecture: "hopper", device: "", description: "a GPU" },
  isSoftware: false,
  subgroupSize: 32,
  features: [MATRIX_FEATURE, "shader-f16", "subgroups"],
  matrixConfigs: [
    { component: "u8", result: "u32", m: 16, n: 16, k: 32 },
    { component: "f16", result: "f32", m: 16, n: 16, k: 16 },
  ],
  limits: { ...softwareFacts.limits, maxComputeWorkgroupStorageSize: 49152 },
};

it.each<[MatmulLayout, m: number, n: number, k: number, reason: RegExp, tiles: number]>([
  ["nt", 64, 30, 16, /^subgroup tile 32 x 32/, 2], // nt stores its columns one by one: n may be anything
  ["nt", 17, 33, 16, /^subgroup tile 32 x 32/, 2],
  ["nt", 16, 30, 16, /^subgroup tile 8 x 32/, 2], // few rows
  ["nt", 64, 30, 18, /^plain: a's row stride \(18\)/, 32],
  ["nt", 2, 30, 16, /^vector/, 8],
  ["nt", 2, 30, 18, /^plain/, 4],
  ["nn", 64, 32, 16, /^subgroup tile 32 x 32/, 2],
  ["nn", 64, 30, 16, /^plain: b's row stride \(30\)/, 32],
  ["nn", 1, 32, 16, /^subgroup tile 8 x 32/, 1], // lanes over k need b's rows along k
  ["tn", 64, 32, 7, /^subgroup tile 32 x 32/, 2], // k may be anything
  ["tn", 30, 32, 8, /^plain: a's row stride \(30\)/, 16],
])("%s %i x %i x %i", (layout, m, n, k, reason, tiles) => {
  const call = planMatmul(dense(layout, m, n, k), softwareFacts);
  expect(call.reason).toMatch(reason);
  expect(call.workgroups).toEqual([tiles, 1, 1]);
  expect(call.flops).toBe(2 * m * n * k);
  expect(call.matmul).toEqual(dense(layout, m, n, k));
});

it("takes the plain kernel where subgroups have no fixed size", () => {
  const call = planMatmul(dense("nt", 64, 32, 16), { ...softwareFacts, subgroupSize: null });
  expect(call.reason).toBe("plain: no subgroups of one fixed size");
});

it("takes workgroup tiles on a GPU, and matrix units only where both operands are f16 already", () => {
  expect(planMatmul(dense("nn", 70, 65, 33), gpu).reason).toMatch(/^workgroup tile 64 x 64/);
  expect(planMatmul(dense("nn", 70, 65, 33, { bStorage: "f16" }), gpu).reason).toMatch(/^workgroup/);
  const half = dense("nn", 70, 65, 33, { aStorage: "f16", bStorage: "f16" });
  const call = planMatmul(half, gpu);
  expect(call.reason).toMatch(/^matrix units 16 x 16 x 16/);
  expect(call.workgroups).toEqual([4, 1, 1]);
  expect(specialize(call)).toMatch(/^enable subgroups; \/\/ Generated/);
  expect(planMatmul(half, { ...gpu, matrixConfigs: [] }).reason).toBe(
    "workgroup tile 64 x 64: no matrix configuration with f16 operands and f32 sums",
  );
});

describe("a forced variant that cannot serve", () => {
  it.each<[string, Partial<MatmulSizes>, Partial<DeviceFacts>, RegExp]>([
    ["matrix", {}, {}, /no feature chromium-experimental-subgroup-matrix.*llvmpipe.*Leave force out/s],
    ["subgroup", {}, { subgroupSize: null }, /no subgroups of one fixed size/],
    ["subgroup", { k: 18 }, {}, /k \(18\) is not a multiple of 4/],
    ["vector", { bStorage: "bf16", k: 12 }, {}, /k \(12\) is not a multiple of 8/],
    ["vector", { aStorage: "f16" }, {}, /a is stored as f16/],
    ["vector", { layout: "tn" }, {}, /layout tn/],
    ["workgroup", {}, { limits: { ...softwareFacts.limits, maxComputeWorkgroupStorageSize: 4096 } }, /4096 bytes/],
  ])("%s %j", (force, more, facts, message) => {
    const sizes = { ...dense("nt", 8, 8, 16), ...more, force } as MatmulSizes;
    expect(() => planMatmul(sizes, { ...softwareFacts, ...facts })).toThrow(message);
  });
});

it("refuses sizes that make no sense", () => {
  expect(() => planMatmul(dense("nt", 1.5, 8, 8), softwareFacts)).toThrow(/m must be a whole number, got 1.5/);
  expect(() => planMatmul({ ...dense("nt", 8, 8, 8), c: { rowStride: 4 } }, softwareFacts)).toThrow(/4 apart and 8 long/);
});

it("folds what one dimension of the grid cannot count", () => {
  const limits = { ...softwareFacts.limits, maxComputeWorkgroupsPerDimension: 100 };
  const call = planMatmul(dense("nt", 3200, 320, 16), { ...softwareFacts, limits });
  expect(call.workgroups).toEqual([100, 10, 1]);
});

describe("steps", () => {
  const stepsOf = (sizes: MatmulSizes, facts = softwareFacts): string[] =>
    planMatmulSteps(sizes, facts).steps.map(({ call }) => call.kernel.name);

  it("packs the operands that tn cannot read where they are, if each is used often enough", () => {
    const tn = "matmul/subgroup<tn,32,8,f32,f32>";
    expect(stepsOf(dense("nt", 640, 640, 64), buffers)).toEqual(["matmul/pack", "matmul/pack", tn]);
    expect(stepsOf(dense("nn", 256, 256, 64), buffers)).toEqual(["matmul/pack", tn]); // a alone
    expect(stepsOf(dense("tn", 256, 256, 64))).toEqual([tn]);
    expect(stepsOf(dense("tn", 256, 257, 64))).toEqual(["matmul/pack", "matmul/subgroup<tn,32,8,f32,f32,odd>"]); // b alone
    expect(stepsOf(dense("nt", 32, 32, 64))).toEqual(["matmul/subgroup<nt,32,8,f32,f32>"]);
    expect(stepsOf(dense("nt", 33, 33, 65))).toEqual(["matmul/pack", "matmul/pack", "matmul/subgroup<tn,32,8,f32,f32,odd>"]);
    expect(stepsOf(dense("nt", 4, 4, 65))).toEqual(["matmul/plain"]);
  });

  it("reads operands through textures where they are dense, in f32, and used often enough", () => {
    const reasonOf = (sizes: MatmulSizes): string => planMatmul(sizes, softwareFacts).reason;
    expect(stepsOf(dense("nt", 640, 640, 64))).toEqual(["matmul/subgroup<nt,32,8,texture>"]);
    expect(stepsOf(dense("nn", 256, 256, 64))).toEqual(["matmul/subgroup<nn,32,8,texture>"]);
    expect(planMatmul(dense("nt", 640, 320, 64), softwareFacts).textures).toEqual({ a: 640 * 16, b: 320 * 16 });
    expect(reasonOf(dense("nt", 640, 8, 64))).toMatch(/too few products/);
    expect(reasonOf(dense("nt", 640, 640, 64, { bStorage: "bf16" }))).toMatch(/halves/);
    expect(reasonOf(dense("nt", 640, 640, 64, { a: { rowStride: 256 } }))).toMatch(/gaps/);
    expect(planMatmul(dense("nt", 640, 640, 64), buffers).reason).toMatch(/no feature readonly_and_readwrite/);
  });

  it("keeps the texture of a frozen weight where few rows use it", () => {
    const plan = (m: number, more: Partial<MatmulSizes> = {}) =>
      planMatmul(dense("nt", m, 640, 64, { bIsConstant: true, ...more }), softwareFacts);
    expect(plan(1)).toMatchObject({ kernel: { name: "matmul/vector<8,texture of f32>" }, textures: { b: 10240 }, keeps: ["b"] });
    expect(plan(8, { bStorage: "f16" })).toMatchObject({
      kernel: { name: "matmul/subgroup<nt,8,8,f32,texture of f16>" },
      textures: { b: 5120 },
      keeps: ["b"],
    });
    expect(plan(32)).toMatchObject({ textures: { a: 512, b: 10240 }, keeps: ["b"] });
    expect(plan(640)).toMatchObject({ textures: { a: 10240, b: 10240 } });
    expect(plan(640).keeps).toBeUndefined(); // so many rows pay for the copy
    expect(plan(8, { bIsConstant: false }).textures).toBeUndefined();
    expect(plan(8, { bStorage: "bf16", k: 60, a: { rowStride: 60 }, b: { rowStride: 60 } }).textures).toBeUndefined();
    expect(planMatmul(dense("nt", 8, 640, 64, { bIsConstant: true }), gpu).textures).toBeUndefined();
  });

  it("packs a shared operand once, and never more than a binding holds", () => {
    const shared = dense("nt", 768, 768, 64, {
      outer: 3,
      a: { rowStride: 64, outerStride: 768 * 64 },
      c: { rowStride: 768, outerStride: 768 * 768 },
    });
    expect(planMatmulSteps(shared, softwareFacts).scratch).toEqual({ "packed a": 3 * 196608, "packed b": 196608 });
    const limits = { ...softwareFacts.limits, maxStorageBufferBindingSize: 3 * 196608 - 1 };
    expect(stepsOf(shared, { ...softwareFacts, limits })).toEqual(["matmul/subgroup<nt,32,8,f32,f32>"]);
  });

  it("splits k on GPUs where there are few tiles", () => {
    expect(stepsOf(dense("tn", 64, 64, 4096), gpu)).toEqual(["matmul/workgroup", "reduce/columns"]);
    expect(planMatmulSteps(dense("tn", 64, 64, 4096), gpu).scratch).toEqual({ partial: 4 * 32 * 64 * 64 });
    expect(stepsOf(dense("tn", 4096, 4096, 4096), gpu)).toEqual(["matmul/workgroup"]);
    expect(splitsFor(dense("tn", 64, 64, 100))).toBe(1);
    expect(() => planSplitK(dense("tn", 64, 64, 100), 3, gpu)).toThrow(/divisor of k, got .*k=100, splits=3/);
  });
});
