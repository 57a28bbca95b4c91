// Every text that plans can name, compiled on Dawn's null backend: no GPU, no driver, a few seconds.
import { type PlannedVariant, plannedVariants, REPRESENTATIVE_DEVICES } from "@attune/kernels-wgsl";
import { type CompileFault, type CompileLimits, compileFaults } from "@attune/tensor/debug";
import { openNullGpu } from "@attune/tensor/node";

export interface CheckResult {
  texts: number;
  kernels: number;
  faults: CompileFault[];
}

export async function checkKernels(variants: readonly PlannedVariant[] = plannedVariants()): Promise<CheckResult> {
  const gpu = await openNullGpu();
  const faults: CompileFault[] = [];
  for (const { call, devices } of variants) {
    // the least of the devices whose plans name it
    const limits = devices.map((device) => REPRESENTATIVE_DEVICES[device].limits);
    const least = (name: keyof CompileLimits): number => Math.min(...limits.map((of) => of[name]));
    faults.push(
      ...(await compileFaults(gpu, call, {
        maxStorageBuffersPerShaderStage: least("maxStorageBuffersPerShaderStage"),
        maxComputeWorkgroupStorageSize: least("maxComputeWorkgroupStorageSize"),
        maxComputeInvocationsPerWorkgroup: least("maxComputeInvocationsPerWorkgroup"),
      })),
    );
  }
  gpu.destroy();
  return { texts: variants.length, kernels: new Set(variants.map(({ call }) => call.kernel.name)).size, faults };
}
