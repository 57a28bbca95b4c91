import { type DeviceFacts, factsOf, fingerprintOf, type MatmulChoice, TEXTURE_FEATURE } from "@attune/kernels-wgsl";
import { DeviceError } from "../errors.js";
import { Device } from "./device.js";
import { WebGpuBackend, type WebGpuOptions } from "./webgpu.js";

/** Features asked for where the adapter has them. */
const WANTED_FEATURES: readonly string[] = [
  "shader-f16",
  "subgroups",
  "timestamp-query",
  "chromium-experimental-subgroup-matrix", // tensor cores, where Dawn is told to show them
];

export interface OpenOptions extends WebGpuOptions {
  /** Pretend that these features are missing: tests of fallbacks. */
  without?: readonly string[];
  /** Pretend to smaller limits: tests of splitting and refusals. A smaller alignment is asked of the device. */
  limits?: Partial<DeviceFacts["limits"]>;
  /** Most bytes of device memory that may be live at once: what would exceed it throws MemoryBudgetError before it is allocated. */
  budgetBytes?: number;
  /** How to await a software adapter, where the usual way would take the processor from it. */
  softwareWait?: WebGpuOptions["wait"];
  /** Matmul variants measured on this very device (attune tune-kernels), or where to find them; another's are refused. */
  tuning?: MatmulChoice | ((facts: DeviceFacts) => MatmulChoice | undefined);
  /** Told of the WebGPU device before anything is allocated on it. */
  onDevice?: (gpu: GPUDevice) => void;
}

export interface WebGpuDevice extends Device {
  readonly backend: WebGpuBackend;
}

/**
 * Opens an adapter with all limits and features that the kernels can use. `gpu` is navigator.gpu in a browser; in Node, openDevice of
 * @attune/tensor/node brings Dawn's.
 * @throws DeviceError (exitClass "device") if there is no adapter, with what to do
 */
export async function openWebGpu(gpu: GPU, options: OpenOptions = {}): Promise<WebGpuDevice> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new DeviceError(
      "no WebGPU adapter: neither a GPU nor a software driver was found. Install your GPU's driver, or (in Node) run `npm run setup` for a software one.",
    );
  }
  const { limits } = adapter;
  const alignment = options.limits?.minStorageBufferOffsetAlignment; // 256 unless asked for less
  const made = await adapter.requestDevice({
    label: "attune",
    requiredFeatures: WANTED_FEATURES.filter(
      (name) => adapter.features.has(name as GPUFeatureName) && !options.without?.includes(name),
    ) as GPUFeatureName[],
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
      ...(alignment === undefined ? {} : { minStorageBufferOffsetAlignment: alignment }),
    },
  });
  options.onDevice?.(made);
  const real = factsOf(made, adapter.info);
  const language = gpu.wgslLanguageFeatures?.has(TEXTURE_FEATURE) && !options.without?.includes(TEXTURE_FEATURE);
  const features = language ? [...real.features, TEXTURE_FEATURE].sort() : real.features;
  const facts: DeviceFacts = { ...real, features, limits: { ...real.limits, ...options.limits } };
  const tuning = typeof options.tuning === "function" ? options.tuning(facts) : options.tuning;
  if (tuning && tuning.fingerprint !== fingerprintOf(facts)) {
    const name = facts.adapter.description || facts.adapter.device;
    throw new DeviceError(`tuning: measured on another device or driver than ${name}. Run attune tune-kernels again.`);
  }
  const wait = options.wait ?? (facts.isSoftware ? options.softwareWait : undefined);
  const backend = new WebGpuBackend(made, tuning ? { ...facts, tuning } : facts, { ...options, wait });
  return new Device(backend, WebGpuBackend.engineBytes(facts), options.budgetBytes) as WebGpuDevice;
}
