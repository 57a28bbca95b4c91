// Whether a kernel's text compiles, told at the line of the .wgsl file. Dawn's null backend suffices: it parses, validates and makes
// pipelines like any other, and runs nothing.
import { type DeviceFacts, type KernelCall, locateInSource, type SourcePlace, specialize } from "@attune/kernels-wgsl";
import { layoutOf } from "../device/pipelines.js";

export interface CompileFault extends SourcePlace {
  readonly kernel: string;
  readonly variant: Readonly<Record<string, string>>;
  readonly message: string;
}

/** Of the device that a call is planned for. The null backend has the least that WebGPU allows, less than some plans count on. */
export type CompileLimits = Pick<
  DeviceFacts["limits"],
  "maxStorageBuffersPerShaderStage" | "maxComputeWorkgroupStorageSize" | "maxComputeInvocationsPerWorkgroup"
>;

/** All faults of a call's text on a device of these limits, none if a pipeline can be made of it. */
export async function compileFaults(gpu: GPUDevice, call: KernelCall, limits: CompileLimits): Promise<CompileFault[]> {
  const { kernel, variant } = call;
  const fault = (message: string, place: SourcePlace): CompileFault => ({ kernel: kernel.name, variant, message, ...place });
  gpu.pushErrorScope("validation"); // or the module's fault would come a second time, uncaught
  const module = gpu.createShaderModule({ label: kernel.name, code: specialize(call) });
  const { messages } = await module.getCompilationInfo();
  await gpu.popErrorScope();
  const errors = messages.filter(({ type }) => type === "error");
  if (errors.length > 0) {
    return errors.map(({ message, lineNum, linePos }) => fault(message, locateInSource(call, lineNum, linePos)));
  }
  // what only the pipeline shows (bindings, workgroup memory) has no place in the text
  const whole = (message: string): CompileFault[] => [fault(message, locateInSource(call, 1, 1 + prefixOf(call)))];
  const buffers = kernel.bindings.filter(({ texture }) => !texture).length;
  if (buffers > limits.maxStorageBuffersPerShaderStage) {
    return whole(`${buffers} storage buffers, and the device binds ${limits.maxStorageBuffersPerShaderStage}`);
  }
  if (buffers > gpu.limits.maxStorageBuffersPerShaderStage) return []; // the text is valid; no pipeline can be made here
  try {
    await gpu.createComputePipelineAsync({
      label: kernel.name,
      layout: gpu.createPipelineLayout({ bindGroupLayouts: [layoutOf(gpu, kernel)] }),
      compute: { module, entryPoint: "main" },
    });
    return [];
  } catch (error) {
    const { message } = error as Error;
    return isWithin(message, limits) ? [] : whole(message);
  }
}

/** Whether Dawn refuses what the planned device allows: it names what is used in the same words on every device. */
function isWithin(message: string, limits: CompileLimits): boolean {
  const memory = /use of workgroup storage \((\d+) bytes\) is larger/.exec(message)?.[1];
  if (memory) return Number(memory) <= limits.maxComputeWorkgroupStorageSize;
  const lanes = /total number of workgroup invocations \((\d+)\)/.exec(message)?.[1];
  return lanes !== undefined && Number(lanes) <= limits.maxComputeInvocationsPerWorkgroup;
}

/** Characters in front of the first line of the file. */
function prefixOf(call: KernelCall): number {
  return /^(?:enable \w+; )*/.exec(specialize(call))![0].length;
}

/** "packages/kernels-wgsl/src/norm/rms.wgsl:17:11: message", the line, and a mark below the column. */
export function faultText({ kernel, variant, message, file, line, column, source }: CompileFault): string {
  const where = file === null ? `generated text of ${kernel}` : `packages/kernels-wgsl/src/${file}`;
  const names = Object.entries(variant).map(([name, value]) => `${name}=${value}`);
  return [
    `${where}:${line}:${column}: ${message.trim()}`,
    `  ${source}`,
    `  ${" ".repeat(column - 1)}^ in ${kernel}${names.length > 0 ? `, ${names.join(", ")}` : ""}`,
  ].join("\n");
}
