// Which matmul kernel serves given sizes on a given device, and why. One call by planMatmul; planMatmulSteps may put packing, or
// partial sums over ranges of k, around it.
import { type DeviceFacts, MATRIX_FEATURE, spread } from "../facts.js";
import { matmulPlain, matmulWorkgroup } from "../generated/kernels.js";
import type { Kernel, KernelCall } from "../kernel.js";
import { TEXTURE_FEATURE } from "../texture.js";
import { tunedVariant } from "./choice.js";
import { MATRIX_MEMORY, matrixMatmul, usableConfig } from "./matrix.js";
import { flagsOf, type MatmulSizes, type MatmulStorage, type MatmulVariant } from "./sizes.js";
import { matmulSplits } from "./split.js";
import { subgroupMatmul } from "./subgroup.js";
import { FEW_ROWS, keepsWeight, operandsInTextures, operandTexels, textureRefusal } from "./texture.js";
import { VECTOR_OUTPUTS, vectorMatmul, vectorStep } from "./vector.js";

/** bias and residual are looked at only if the flags say so. */
function withOptional(kernel: Kernel): Kernel {
  const isOptional = (name: string): boolean => name === "bias" || name === "residual";
  return {
    ...kernel,
    bindings: kernel.bindings.map((binding) => (isOptional(binding.name) ? { ...binding, optional: true } : binding)),
  };
}
const plain = withOptional(matmulPlain);
const workgroup = withOptional(matmulWorkgroup);

/**
 * The call for one matmul; its storages are a, b, c and, if the epilogue asks for them, bias and residual.
 * @throws where `force` names a variant that the device or the sizes do not allow
 */
export function planMatmul(sizes: MatmulSizes, facts: DeviceFacts): KernelCall {
  checkSizes(sizes);
  if (sizes.packed) return packedCall(sizes, facts, sizes.packed);
  const measured = sizes.force ? null : tunedVariant(sizes, facts);
  if (measured && REFUSALS[measured](sizes, facts) === null) return cuttable(measured, sizes, facts, ["measured"]);
  const refusals: string[] = [];
  for (const variant of sizes.force ? [sizes.force] : preference(sizes, facts)) {
    const refusal = REFUSALS[variant](sizes, facts);
    if (refusal === null) return cuttable(variant, sizes, facts, refusals);
    refusals.push(refusal);
  }
  const { layout, m, n, k } = sizes;
  throw new Error(
    `matmul ${layout} m=${m} n=${n} k=${k}: the variant ${sizes.force} cannot serve it: ${refusals[0]}. ` +
      `This adapter (${facts.adapter.description}) has ${facts.features.join(", ") || "no features"}, ` +
      `subgroups of ${facts.subgroupSize ?? "no fixed size"}, matrix units ${JSON.stringify(facts.matrixConfigs ?? [])}. Leave force out, or name another variant.`,
  );
}

function checkSizes({ layout, m, n, k, a, b, c, outer = 1, inner = 1, epilogue }: MatmulSizes): void {
  for (const [name, value] of Object.entries({ m, n, k, outer, inner })) {
    if (!Number.isInteger(value) || value < 0) throw new Error(`matmul ${layout}: ${name} must be a whole number, got ${value}`);
  }
  if (c.rowStride < n) throw new Error(`matmul ${layout}: rows of c are ${c.rowStride} apart and ${n} long: they overlap`);
  for (const [name, { rowStride }] of Object.entries({ a, b })) {
    if (!Number.isInteger(rowStride) || rowStride < 0) throw new Error(`matmul ${layout}: ${name}'s row stride is ${rowStride}`);
  }
  if (epilogue?.activation && epilogue.activation !== "relu" && epilogue.activation !== "geluNew") {
    throw new Error(`matmul ${layout}: activation ${epilogue.activation as string} is not relu or geluNew`);
  }
}

/** In this order the first that can serve is taken; software adapters have slow workgroup memory, GPUs wide tiles. */
function preference({ m, aStorage, bStorage }: MatmulSizes, facts: DeviceFacts): readonly MatmulVariant[] {
  const isFew: readonly MatmulVariant[] = m <= 2 ? ["vector"] : [];
  if (facts.isSoftware) return [...isFew, "texture", "subgroup", "plain"];
  // matrix units round f32 operands to f16: only where both are stored so already
  const isHalf: readonly MatmulVariant[] = aStorage === "f16" && bStorage === "f16" ? ["matrix"] : [];
  return [...isFew, ...isHalf, "workgroup", "plain"];
}

const REFUSALS: Readonly<Record<MatmulVariant, (sizes: MatmulSizes, facts: DeviceFacts) => string | null>> = {
  plain: () => null,
  workgroup: (_, { limits }) =>
    limits.maxComputeWorkgroupStorageSize >= 8192 ? null : `workgroup memory of ${limits.maxComputeWorkgroupStorageSize} bytes`,
  matrix: (_, facts) => {
    if (!facts.features.includes(MATRIX_FEATURE)) return `no feature ${MATRIX_FEATURE}`;
    if (!facts.features.includes("shader-f16")) return "no feature shader-f16";
    if (facts.subgroupSize === null) return "no subgroups of one fixed size";
    if (!usableConfig(facts.matrixConfigs ?? [])) return "no matrix configuration with f16 operands and f32 sums";
    const { maxComputeWorkgroupStorageSize: memory, maxComputeInvocationsPerWorkgroup: invocations } = facts.limits;
    if (memory < MATRIX_MEMORY) return `workgroup memory of ${memory} bytes is less than ${MATRIX_MEMORY}`;
    if (invocations < 4 * facts.subgroupSize) return `workgroups of ${invocations} are less than four subgroups`;
    return null;
  },
  texture: (sizes, facts) => {
    if (!facts.features.includes(TEXTURE_FEATURE)) return `no feature ${TEXTURE_FEATURE}`;
    return textureRefusal(sizes) ?? REFUSALS.subgroup(sizes, facts);
  },
  vector: ({ layout, k, a, b, aStorage = "f32", bStorage = "f32" }, facts) => {
    if (facts.subgroupSize === null) return "no subgroups of one fixed size";
    if (layout !== "nt") return `layout ${layout} has no lanes over k`;
    if (aStorage !== "f32") return `a is stored as ${aStorage}`;
    const step = vectorStep(bStorage);
    return notInSteps({ k }, step) ?? placesNotIn(step, { a, b });
  },
  subgroup: ({ layout, m, n, k, a, b, c }, facts) => {
    if (facts.subgroupSize === null) return "no subgroups of one fixed size";
    // vec4 loads need every stride in fours; which axes too depends on the layout
    const axes: Record<string, number> = { nt: { k }, nn: { k, n }, tn: { m, n } }[layout];
    return placesNotIn(4, layout === "nt" ? { a, b } : { a, b, c }) ?? notInSteps(axes, 4);
  },
};

/** Why a variant cannot serve sizes on a device, or null. */
export const refusalOf = (variant: MatmulVariant, sizes: MatmulSizes, facts: DeviceFacts): string | null =>
  REFUSALS[variant](sizes, facts);

function notInSteps(axes: Readonly<Record<string, number>>, step: number): string | null {
  for (const [name, value] of Object.entries(axes))
    if (value % step !== 0) return `${name} (${value}) is not a multiple of ${step}`;
  return null;
}
function placesNotIn(step: number, places: Readonly<Record<string, MatmulSizes["a"]>>): string | null {
  for (const [name, { rowStride, outerStride = 0, innerStride = 0 }] of Object.entries(places)) {
    const refusal = notInSteps(
      { [`${name}'s row stride`]: rowStride, [`${name}'s outer stride`]: outerStride, [`${name}'s inner stride`]: innerStride },
      step,
    );
    if (refusal) return refusal;
  }
  return null;
}

/** Pieces keep the variant, and with it the order of sums: few rows of a large product are not what the vector variant would do. */
function cuttable(variant: MatmulVariant, sizes: MatmulSizes, facts: DeviceFacts, refusals: readonly string[]): KernelCall {
  const splits = matmulSplits(sizes, (part) => cuttable(variant, part, facts, refusals));
  return { ...callOf(variant, sizes, facts, refusals), splits };
}

function callOf(variant: MatmulVariant, sizes: MatmulSizes, facts: DeviceFacts, refusals: readonly string[]): KernelCall {
  const { layout, m, a, b, c, aStorage = "f32", bStorage = "f32" } = sizes;
  const lanes = facts.subgroupSize ?? 0;
  const why = refusals.length > 0 ? `: ${refusals.at(-1)}` : sizes.force ? ": forced" : `: m=${m}`;
  if (variant === "subgroup" || variant === "texture") {
    const isTexture = variant === "texture";
    const rows = m > FEW_ROWS ? 32 : 8;
    const textures = isTexture ? operandsInTextures(sizes) : [];
    const kernel = subgroupMatmul({ layout, rows, subgroupSize: lanes, aStorage, bStorage, textures });
    const params = { lda: a.rowStride, ldb: b.rowStride, ldc: c.rowStride, a_step: 1, b_step: 1 };
    if (!isTexture) return finish(sizes, facts, kernel, params, [rows, 4 * lanes], `subgroup tile ${rows} x ${4 * lanes}${why}`);
    const reason = `texture: ${textures.join(" and ")} in textures, subgroup tile ${rows} x ${4 * lanes}, m=${m}`;
    return { ...finish(sizes, facts, kernel, params, [rows, 4 * lanes], reason), ...texturesOf(sizes, textures) };
  }
  if (variant === "vector") {
    const params = { lda: a.rowStride, ldb: b.rowStride, ldc: c.rowStride, a_step: 1, b_step: 1 };
    const isTexture = facts.isSoftware && facts.features.includes(TEXTURE_FEATURE) && textureRefusal(sizes) === null;
    const reason = `vector, ${VECTOR_OUTPUTS} outputs a subgroup${isTexture ? ", b in a texture" : ""}${why}`;
    const call = finish(sizes, facts, vectorMatmul(lanes, bStorage, isTexture), params, [1, VECTOR_OUTPUTS], reason);
    return isTexture ? { ...call, ...texturesOf(sizes, ["b"]) } : call;
  }
  // the others take any strides
  const params = {
    a_m: layout === "tn" ? 1 : a.rowStride, a_k: layout === "tn" ? a.rowStride : 1,
    b_k: layout === "nt" ? 1 : b.rowStride, b_n: layout === "nt" ? b.rowStride : 1,
    c_m: c.rowStride,
  }; // biome-ignore format: by matrix
  const stored = {
    A_STORAGE: STORAGE[aStorage], B_STORAGE: STORAGE[bStorage],
    AWord: aStorage === "f32" ? "f32" : "u32", BWord: bStorage === "f32" ? "f32" : "u32",
  }; // biome-ignore format: by operand
  if (variant === "plain") return { ...finish(sizes, facts, plain, params, [8, 8], `plain${why}`), variant: stored };
  if (variant === "workgroup")
    return { ...finish(sizes, facts, workgroup, params, [64, 64], `workgroup tile 64 x 64${why}`), variant: stored };
  const config = usableConfig(facts.matrixConfigs ?? [])!;
  const reason = `matrix units ${config.m} x ${config.n} x ${config.k}, tile 64 x 64${why}`;
  return { ...finish(sizes, facts, withOptional(matrixMatmul(lanes, config)), params, [64, 64], reason), variant: stored };
}
/** What the call's textures hold, and which may be kept. */
function texturesOf(sizes: MatmulSizes, which: readonly ("a" | "b")[]): Pick<KernelCall, "textures" | "keeps"> {
  const texels = operandTexels(sizes);
  const textures = Object.fromEntries(which.map((name) => [name, texels[name]]));
  return keepsWeight(sizes) ? { textures, keeps: ["b"] } : { textures };
}
export const STORAGE: Readonly<Record<MatmulStorage, string>> = { f32: "0u", bf16: "1u", f16: "2u" };

/** tn on panels: their strides of batches count whole packed matrices. c may have any n and strides. */
function packedCall(sizes: MatmulSizes, facts: DeviceFacts, packed: NonNullable<MatmulSizes["packed"]>): KernelCall {
  const { n, k, a, b, c } = sizes;
  const lanes = facts.subgroupSize;
  if (lanes === null) throw new Error("matmul: packed operands need subgroups of one fixed size");
  const width = 4 * lanes;
  const isOdd = (notInSteps({ n }, 4) ?? placesNotIn(4, { c })) !== null;
  const kernel = subgroupMatmul({ layout: "tn", rows: width, subgroupSize: lanes, aStorage: "f32", bStorage: "f32", isOdd });
  const params = {
    lda: packed.a ? width : a.rowStride, ldb: packed.b ? width : b.rowStride, ldc: c.rowStride,
    a_step: packed.a ? k : 1, b_step: packed.b ? k : 1,
  }; // biome-ignore format: by matrix
  const which = [packed.a ? "a" : "", packed.b ? "b" : ""].filter(Boolean).join(" and ");
  return finish(sizes, facts, kernel, params, [width, width], `subgroup tile ${width} x ${width}: ${which} in panels`);
}

/** What all variants share: batch strides, alpha, flags, the grid of tiles, and the costs. */
function finish(
  sizes: MatmulSizes,
  facts: DeviceFacts,
  kernel: Kernel,
  params: Record<string, number>,
  [tileRows, tileCols]: [number, number],
  reason: string,
): KernelCall {
  const { m, n, k, a, b, c, outer = 1, inner = 1, alpha = 1, aStorage = "f32", bStorage = "f32", epilogue } = sizes;
  const batches = outer * inner;
  const moved = (place: MatmulSizes["a"], storage: MatmulStorage, count: number): number =>
    (storage === "f32" ? 4 : 2) * count * (place.outerStride || place.innerStride ? batches : 1);
  return {
    kernel,
    variant: {},
    params: {
      m, n, k, batches, inner, ...params,
      a_outer: a.outerStride ?? 0, a_inner: a.innerStride ?? 0,
      b_outer: b.outerStride ?? 0, b_inner: b.innerStride ?? 0,
      c_outer: c.outerStride ?? 0, c_inner: c.innerStride ?? 0,
      alpha, flags: flagsOf(sizes),
    }, // biome-ignore format: by matrix
    workgroups: spread(
      Math.ceil(n / tileCols) * Math.ceil(m / tileRows) * batches,
      facts,
      `a matmul of m=${m} n=${n} batches=${batches}`,
    ),
    reason,
    flops: 2 * batches * m * n * k,
    bytes:
      moved(a, aStorage, m * k) +
      moved(b, bStorage, n * k) +
      4 * batches * m * n * (1 + (sizes.accumulate ? 1 : 0) + (epilogue?.residual ? 1 : 0)),
    matmul: sizes,
  };
}
