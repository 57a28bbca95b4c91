import type { DeviceFacts } from "../facts.js";
import { matmulPlain } from "../generated/kernels.js";
import type { Kernel, KernelCall } from "../kernel.js";
import { flagsOf, type MatmulSizes } from "./sizes.js";
import { subgroupMatmul } from "./subgroup.js";

/** The plain kernel, which looks at bias and residual only if its flags say so. */
const plain: Kernel = {
  ...matmulPlain,
  bindings: matmulPlain.bindings.map((binding) =>
    binding.name === "bias" || binding.name === "residual" ? { ...binding, optional: true } : binding,
  ),
};

/** The call for one matmul; `bias` and `residual` are bound only if the epilogue asks for them. */
export function planMatmul(sizes: MatmulSizes, facts: DeviceFacts): KernelCall {
  const { layout, m, n, k, a, b, c, outer = 1, inner = 1, alpha = 1, bStorage = "f32" } = sizes;
  const batches = outer * inner;
  const bBytes = bStorage === "f32" ? 4 : 2;
  const shared = {
    flops: 2 * batches * m * n * k,
    bytes:
      4 * batches * m * k +
      bBytes * (b.outerStride || b.innerStride ? batches : 1) * n * k +
      4 * batches * m * n * (1 + (sizes.accumulate ? 1 : 0) + (sizes.epilogue?.residual ? 1 : 0)),
    matmul: sizes,
  };
  const strides = {
    a_outer: a.outerStride ?? 0, a_inner: a.innerStride ?? 0,
    b_outer: b.outerStride ?? 0, b_inner: b.innerStride ?? 0,
    c_outer: c.outerStride ?? 0, c_inner: c.innerStride ?? 0,
    alpha, flags: flagsOf(sizes), inner,
  }; // biome-ignore format: by matrix
  const refusal = whyNotSubgroup(sizes, facts);
  if (refusal === null) {
    const lanes = facts.subgroupSize as number;
    const rows = m > 16 ? 32 : 8;
    return {
      kernel: subgroupMatmul({ layout, rows, subgroupSize: lanes, bStorage }),
      variant: {},
      params: { m, n, k, lda: a.rowStride, ldb: b.rowStride, ldc: c.rowStride, ...strides },
      workgroups: [Math.ceil(n / (4 * lanes)), Math.ceil(m / rows), batches],
      reason: `subgroup tile ${rows} x ${4 * lanes}: m=${m}`,
      ...shared,
    };
  }
  return {
    kernel: plain,
    variant: { B_STORAGE: { f32: "0u", bf16: "1u", f16: "2u" }[bStorage], BWord: bStorage === "f32" ? "f32" : "u32" },
    params: {
      m, n, k,
      a_m: layout === "tn" ? 1 : a.rowStride, a_k: layout === "tn" ? a.rowStride : 1,
      b_k: layout === "nt" ? 1 : b.rowStride, b_n: layout === "nt" ? b.rowStride : 1,
      c_m: c.rowStride, ...strides,
    }, // biome-ignore format: by matrix
    workgroups: [Math.ceil(n / 8), Math.ceil(m / 8), batches],
    reason: `plain: ${refusal}`,
    ...shared,
  };
}

/** Vec4 loads need every stride in fours; which axes too depends on the layout. */
function whyNotSubgroup(sizes: MatmulSizes, facts: DeviceFacts): string | null {
  if (facts.subgroupSize === null) return "no subgroups of one fixed size";
  const { layout, m, n, k, a, b, c, outer = 1, inner = 1 } = sizes;
  const inFours: [string, number][] = [
    ["a's row stride", a.rowStride],
    ["b's row stride", b.rowStride],
    ["a's outer stride", a.outerStride ?? 0],
    ["a's inner stride", a.innerStride ?? 0],
    ["b's outer stride", b.outerStride ?? 0],
    ["b's inner stride", b.innerStride ?? 0],
  ];
  if (layout !== "tn") inFours.push(["k", k]);
  if (layout === "tn") inFours.push(["m", m]);
  if (layout !== "nt") {
    inFours.push(
      ["n", n],
      ["c's row stride", c.rowStride],
      ["c's outer stride", c.outerStride ?? 0],
      ["c's inner stride", c.innerStride ?? 0],
    );
  }
  for (const [name, value] of inFours) if (value % 4 !== 0) return `${name} (${value}) is not a multiple of 4`;
  const limit = facts.limits.maxComputeWorkgroupsPerDimension;
  if (outer * inner > limit) return `${outer * inner} batches exceed ${limit}`;
  return null;
}
