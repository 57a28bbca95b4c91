/// <reference types="@webgpu/types" preserve="true" />
import type { MatmulChoice } from "./matmul/sizes.js";

/** Fragments that a device's matrix units multiply: a [m, k] and b [k, n] of `component`, sums of `result`. */
export interface MatrixConfig {
  readonly component: string;
  readonly result: string;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** What plan functions may know of a device. A plain record: it can be stored, and planned against without the device. */
export interface DeviceFacts {
  readonly adapter: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
  };
  /** A CPU pretending to be a GPU (lavapipe, SwiftShader): other kernels are fast there. */
  readonly isSoftware: boolean;
  /** Lanes of a subgroup where the adapter fixes it and has the feature, else null. */
  readonly subgroupSize: number | null;
  readonly features: readonly string[];
  /** Of the feature `chromium-experimental-subgroup-matrix`; absent where the device has none. */
  readonly matrixConfigs?: readonly MatrixConfig[];
  /** Matmul variants measured on this device (matmul/tuning.ts); absent: fixed rules, as the deterministic mode wants. */
  readonly tuning?: MatmulChoice;
  readonly limits: {
    readonly maxStorageBufferBindingSize: number;
    readonly maxBufferSize: number;
    readonly maxComputeWorkgroupsPerDimension: number;
    readonly maxComputeInvocationsPerWorkgroup: number;
    readonly maxComputeWorkgroupStorageSize: number;
    readonly maxStorageBuffersPerShaderStage: number;
    readonly minUniformBufferOffsetAlignment: number;
    readonly minStorageBufferOffsetAlignment: number;
  };
}

/** Lavapipe's facts: what plans and tests use where no device is at hand. */
export const softwareFacts: DeviceFacts = {
  adapter: { vendor: "mesa", architecture: "software", device: "llvmpipe", description: "llvmpipe" },
  isSoftware: true,
  subgroupSize: 8,
  features: ["readonly_and_readwrite_storage_textures", "subgroups"],
  limits: {
    maxStorageBufferBindingSize: 2 ** 27,
    maxBufferSize: 2 ** 32 - 1,
    maxComputeWorkgroupsPerDimension: 65535,
    maxComputeInvocationsPerWorkgroup: 1024,
    maxComputeWorkgroupStorageSize: 32768,
    maxStorageBuffersPerShaderStage: 16,
    minUniformBufferOffsetAlignment: 256,
    minStorageBufferOffsetAlignment: 256,
  },
};

/** Matrix units (tensor cores) in WGSL: Dawn's name until there is a standard. */
export const MATRIX_FEATURE = "chromium-experimental-subgroup-matrix";

/** Dawn's list, whose names are not in the standard's types yet. */
function matrixConfigsOf(info: GPUAdapterInfo): MatrixConfig[] {
  type Listed = { componentType: string; resultComponentType: string; M: number; N: number; K: number };
  const listed = (info as unknown as { subgroupMatrixConfigs?: Iterable<Listed> }).subgroupMatrixConfigs ?? [];
  return [...listed].map(({ componentType, resultComponentType, M, N, K }) => ({
    component: componentType,
    result: resultComponentType,
    m: M,
    n: N,
    k: K,
  }));
}

/** Reads the facts off a device and the info of its adapter. */
export function factsOf(device: GPUDevice, info: GPUAdapterInfo): DeviceFacts {
  const { limits } = device;
  const smallest = info.subgroupMinSize ?? 0;
  return {
    adapter: { vendor: info.vendor, architecture: info.architecture, device: info.device, description: info.description },
    isSoftware:
      Boolean(info.isFallbackAdapter) || info.architecture === "software" || /llvmpipe|swiftshader/i.test(info.description),
    subgroupSize: device.features.has("subgroups") && smallest > 0 && smallest === info.subgroupMaxSize ? smallest : null,
    features: [...device.features].sort(),
    ...(device.features.has(MATRIX_FEATURE) ? { matrixConfigs: matrixConfigsOf(info) } : {}),
    limits: {
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxBufferSize: limits.maxBufferSize,
      maxComputeWorkgroupsPerDimension: limits.maxComputeWorkgroupsPerDimension,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
      minUniformBufferOffsetAlignment: limits.minUniformBufferOffsetAlignment,
      minStorageBufferOffsetAlignment: limits.minStorageBufferOffsetAlignment,
    },
  };
}

/** Folds a count of workgroups into [x, y, 1]: one dimension holds at most 65,535. Kernels recompute y * groups.x + x. */
export function spread(count: number, facts: DeviceFacts, what = "a dispatch"): [number, number, number] {
  const limit = facts.limits.maxComputeWorkgroupsPerDimension;
  if (count <= limit) return [count, 1, 1];
  const y = Math.ceil(count / limit);
  if (y > limit)
    throw new Error(`${what} of ${count} workgroups exceeds ${limit} x ${limit}, all that this adapter counts. Split it.`);
  return [Math.ceil(count / y), y, 1];
}

/** Variant of the row kernels: one subgroup a row where the device has subgroups of a fixed size, else one lane a row. */
export function rowVariant(facts: DeviceFacts): {
  variant: { LANES: string };
  replaceUses: Record<string, string>;
  lanes: number;
} {
  const lanes = facts.subgroupSize;
  if (lanes === null) return { variant: { LANES: "1u" }, replaceUses: { row_subgroup: "row_lane" }, lanes: 1 };
  return { variant: { LANES: `${lanes}u` }, replaceUses: {}, lanes };
}
