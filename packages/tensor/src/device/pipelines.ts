// Compiled kernels of one device, each text once: createComputePipeline costs a millisecond even for a text it has seen, and the first
// dispatch of a new one up to seconds (drivers compile there).
import { type Kernel, type KernelCall, locateInSource, specialize } from "@attune/kernels-wgsl";
import { PipelineError } from "../errors.js";

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** What drivers refuse comes as an internal error, or for want of memory. */
const SCOPES = ["validation", "internal", "out-of-memory"] as const;

export class PipelineCache {
  /** By the kernel itself, not its name: two kernels of two authors may share a name. */
  readonly #pipelines = new Map<Kernel, Map<string, Pipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(
    readonly gpu: GPUDevice,
    /** Replaces a kernel's text before it is compiled: mutation tests. */
    readonly rewrite: ((kernel: Kernel, code: string) => string) | undefined,
    /** Told of each new text and how long its pipeline took. */
    readonly onCompiled: (milliseconds: number) => void,
    /** Told of a pipeline that the device refused: it finds out later. */
    readonly onRefused: (error: PipelineError) => void,
  ) {}

  /** What is refused is forgotten: the next call compiles anew. @throws PipelineError naming the kernel */
  get(call: KernelCall): Pipeline {
    const { kernel } = call;
    const variants = this.#pipelines.get(kernel) ?? new Map<string, Pipeline>();
    this.#pipelines.set(kernel, variants);
    const key = JSON.stringify([call.variant, call.replaceUses]);
    const known = variants.get(key);
    if (known) return known;
    const start = performance.now();
    const text = specialize(call);
    const layout = this.#layout(kernel);
    const refused = (message: string): PipelineError => {
      variants.delete(key);
      return new PipelineError(describe(call, message), { label: kernel.name });
    };
    const made = { pipeline: this.#compile(kernel.name, key, this.rewrite?.(kernel, text) ?? text, layout, refused), layout };
    variants.set(key, made);
    this.onCompiled(performance.now() - start);
    return made;
  }

  #compile(
    kernel: string,
    variant: string,
    code: string,
    layout: GPUBindGroupLayout,
    refused: (message: string) => PipelineError,
  ): GPUComputePipeline {
    for (const filter of SCOPES) this.gpu.pushErrorScope(filter);
    try {
      const module = this.gpu.createShaderModule({ label: kernel, code });
      return this.gpu.createComputePipeline({
        label: `${kernel} ${variant}`,
        layout: this.gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: "main" },
      });
    } catch (error) {
      throw refused((error as Error).message);
    } finally {
      for (const _ of SCOPES) {
        this.gpu.popErrorScope().then(
          (error) => error && this.onRefused(refused(error.message)),
          () => {}, // the device is lost: gpu.lost tells
        );
      }
    }
  }

  #layout(kernel: Kernel): GPUBindGroupLayout {
    const key = kernel.bindings.map(({ access, texture }) => texture ?? access).join();
    const known = this.#layouts.get(key);
    if (known) return known;
    const layout = layoutOf(this.gpu, kernel);
    this.#layouts.set(key, layout);
    return layout;
  }
}

/** "kernel norm/rms, norm/rms.wgsl:12:3: unresolved value ...", from Dawn's ":12:3 error: unresolved value ...". */
function describe(call: KernelCall, message: string): string {
  const { name } = call.kernel;
  const found = message.match(/:(\d+):(\d+) error: ([^\n]*)/);
  const inspect = `See its text with: attune kernels show ${name.replace(/<.*/, "")}`;
  if (!found) return `kernel ${name}: no pipeline: ${message.trim()}. ${inspect}`;
  const { file, line, column } = locateInSource(call, Number(found[1]), Number(found[2]));
  return `kernel ${name}, ${file ?? "its generated text"}:${line}:${column}: ${found[3]}. ${inspect}`;
}

/** Storages in the kernel's order, then its params. */
export function layoutOf(gpu: GPUDevice, kernel: Kernel): GPUBindGroupLayout {
  const entries: GPUBindGroupLayoutEntry[] = kernel.bindings.map((binding, index) => ({
    binding: index,
    visibility: 4, // COMPUTE
    ...(binding.texture
      ? { storageTexture: { access: "read-only", format: binding.texture } }
      : { buffer: { type: binding.access === "read" ? "read-only-storage" : "storage" } }),
  }));
  entries.push({ binding: entries.length, visibility: 4, buffer: { type: "uniform" } });
  return gpu.createBindGroupLayout({ entries });
}
