import { type DeviceFacts, type Kernel, type KernelCall, paramBytes, specialize, writeParams } from "@attune/kernels-wgsl";
import { DeviceError } from "../errors.js";
import { alignTo } from "./align.js";
import type { Backend, BackendBuffer, Place, PreparedProgram } from "./backend.js";
import { uniformBytes } from "./null.js";

/** Eager calls per submit: enough to amortise a submit (~40 us), few enough that the device starts early. */
const CALLS_PER_SUBMIT = 192;
/** Uploads per submit: writeBuffer's staging memory is given back only when a submit follows. */
const UPLOAD_BYTES_PER_SUBMIT = 64 * 2 ** 20;

export interface WebGpuOptions {
  /** How to await the device. Dawn polls in a tight loop while a promise is pending: on software adapters that steals a core. */
  wait?: <T>(promise: Promise<T>) => Promise<T>;
  /** Replaces a kernel's text before it is compiled: mutation tests. */
  rewrite?: (kernel: Kernel, code: string) => string;
}

export interface WebGpuStats {
  /** Distinct kernel texts compiled. */
  texts: number;
  /** Milliseconds in pipeline creation and in waits for the submits in which a text ran first (drivers compile there). */
  compileMs: number;
  dispatches: number;
  submits: number;
}

interface GpuBuffer extends BackendBuffer {
  readonly gpu: GPUBuffer;
}
interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class WebGpuBackend implements Backend {
  readonly isPaper = false;
  readonly stats: WebGpuStats = { texts: 0, compileMs: 0, dispatches: 0, submits: 0 };
  /** By the kernel itself, not its name: two kernels of two authors may share a name. */
  readonly #pipelines = new Map<Kernel, Map<string, Pipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #ring: GPUBuffer;
  readonly #ringSlot: number;
  readonly #ringBytes: ArrayBuffer;
  #ringUsed = 0;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  #uploaded = 0;
  #hasNewText = false;
  #failure: DeviceError | null = null;
  readonly #wait: NonNullable<WebGpuOptions["wait"]>;

  constructor(
    readonly gpu: GPUDevice,
    readonly facts: DeviceFacts,
    private readonly options: WebGpuOptions = {},
  ) {
    this.#wait = options.wait ?? ((promise) => promise);
    this.#ringSlot = alignTo(128, facts.limits.minUniformBufferOffsetAlignment);
    this.#ringBytes = new ArrayBuffer(this.#ringSlot * CALLS_PER_SUBMIT);
    this.#ring = gpu.createBuffer({
      label: "eager params",
      size: this.#ringBytes.byteLength,
      usage: GPU_USAGE.UNIFORM | GPU_USAGE.COPY_DST,
    });
    gpu.addEventListener?.("uncapturederror", (event) => {
      event.preventDefault(); // dawn.node prints it to stdout otherwise
      this.#failure ??= new DeviceError(`device error: ${event.error.message}`);
    });
    void gpu.lost.then((info) => {
      if (info.reason !== "destroyed") this.#failure ??= new DeviceError(`device lost: ${info.message}`);
    });
  }

  /** Device memory that the backend takes for itself. */
  static engineBytes(facts: DeviceFacts): number {
    return alignTo(128, facts.limits.minUniformBufferOffsetAlignment) * CALLS_PER_SUBMIT;
  }

  createBuffer(bytes: number, label: string): GpuBuffer {
    const { maxBufferSize } = this.facts.limits;
    if (bytes > maxBufferSize) {
      throw new DeviceError(`${label}: a buffer of ${bytes} bytes exceeds this device's maxBufferSize of ${maxBufferSize}`);
    }
    const usage = GPU_USAGE.STORAGE | GPU_USAGE.UNIFORM | GPU_USAGE.COPY_SRC | GPU_USAGE.COPY_DST;
    const gpu = this.gpu.createBuffer({ label, size: bytes, usage });
    const destroy = (): void => {
      this.#submit(); // what is encoded may still use it
      gpu.destroy();
    };
    return { bytes, gpu, destroy };
  }

  write(place: Place, data: ArrayBufferView): void {
    this.#submit(); // a queue write overtakes commands that are encoded but not submitted
    const { gpu } = place.buffer as GpuBuffer;
    const whole = data.byteLength & ~3;
    const chunk = UPLOAD_BYTES_PER_SUBMIT;
    for (let at = 0; at < whole; at += chunk) {
      const bytes = Math.min(chunk, whole - at);
      this.gpu.queue.writeBuffer(gpu, place.offset + at, data.buffer as ArrayBuffer, data.byteOffset + at, bytes);
      this.#uploaded += bytes;
      if (this.#uploaded >= chunk) this.#releaseStaging();
    }
    if (whole < data.byteLength) {
      const tail = new Uint8Array(4);
      tail.set(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset + whole, data.byteLength - whole));
      this.gpu.queue.writeBuffer(gpu, place.offset + whole, tail);
    }
  }

  clear(place: Place): void {
    this.#endPass();
    this.#encoderNow().clearBuffer((place.buffer as GpuBuffer).gpu, place.offset, place.bytes);
  }

  dispatch(call: KernelCall, places: readonly Place[]): void {
    const { pipeline, layout } = this.#pipeline(call);
    const offset = this.#ringUsed * this.#ringSlot;
    writeParams(call, new DataView(this.#ringBytes), offset);
    this.#ringUsed++;
    const bindGroup = this.#bindGroup(call, layout, places, this.#ring, offset);
    this.#encode(pipeline, bindGroup, call.workgroups);
    if (this.#ringUsed === CALLS_PER_SUBMIT) this.#submit();
  }

  prepare(label: string, steps: readonly { call: KernelCall; places: readonly Place[] }[]): PreparedProgram {
    const calls = steps.map((step) => step.call);
    const bytes = uniformBytes(calls, this.facts);
    const uniforms = this.createBuffer(bytes, `${label} params`);
    const data = new ArrayBuffer(bytes);
    let offset = 0;
    const ready = steps.map(({ call, places }) => {
      const { pipeline, layout } = this.#pipeline(call);
      writeParams(call, new DataView(data), offset);
      const bindGroup = this.#bindGroup(call, layout, places, uniforms.gpu, offset);
      offset += alignTo(paramBytes(call.kernel), this.facts.limits.minUniformBufferOffsetAlignment);
      return { pipeline, bindGroup, workgroups: call.workgroups };
    });
    this.write({ buffer: uniforms, offset: 0, bytes }, new Uint8Array(data));
    return {
      run: () => {
        this.#submit();
        for (const { pipeline, bindGroup, workgroups } of ready) this.#encode(pipeline, bindGroup, workgroups);
        this.#submit();
      },
      dispose: () => uniforms.destroy(),
    };
  }

  flush(): void {
    this.#submit();
    this.#releaseStaging(); // destroyed buffers and written staging are given back only when a submit follows
    this.#throwFailure();
  }

  async read(place: Place): Promise<ArrayBuffer> {
    const staging = this.gpu.createBuffer({ label: "read", size: place.bytes, usage: GPU_USAGE.MAP_READ | GPU_USAGE.COPY_DST });
    this.#endPass();
    this.#encoderNow().copyBufferToBuffer((place.buffer as GpuBuffer).gpu, place.offset, staging, 0, place.bytes);
    this.#submit();
    const start = performance.now();
    try {
      await this.#wait(staging.mapAsync(GPU_MAP_READ));
      return staging.getMappedRange().slice(0);
    } catch (error) {
      this.#throwFailure();
      throw new DeviceError(`read-back failed: ${(error as Error).message}`);
    } finally {
      if (this.#hasNewText) this.stats.compileMs += performance.now() - start;
      this.#hasNewText = false;
      staging.destroy();
      this.#throwFailure();
    }
  }

  destroy(): void {
    this.#submit();
    this.#ring.destroy();
    this.gpu.destroy();
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = null;
    if (failure) throw failure;
  }

  #encoderNow(): GPUCommandEncoder {
    this.#encoder ??= this.gpu.createCommandEncoder();
    return this.#encoder;
  }

  #encode(pipeline: GPUComputePipeline, bindGroup: GPUBindGroup, workgroups: readonly [number, number, number]): void {
    this.#pass ??= this.#encoderNow().beginComputePass();
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, bindGroup);
    this.#pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
    this.stats.dispatches++;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
  }

  #submit(): void {
    if (!this.#encoder) return;
    this.#endPass();
    if (this.#ringUsed > 0) this.gpu.queue.writeBuffer(this.#ring, 0, this.#ringBytes, 0, this.#ringUsed * this.#ringSlot);
    this.gpu.queue.submit([this.#encoder.finish()]);
    this.stats.submits++;
    this.#encoder = null;
    this.#ringUsed = 0;
    this.#uploaded = 0;
  }

  #releaseStaging(): void {
    this.gpu.queue.submit([]);
    this.#uploaded = 0;
  }

  #pipeline(call: KernelCall): Pipeline {
    const variants = this.#pipelines.get(call.kernel) ?? new Map<string, Pipeline>();
    this.#pipelines.set(call.kernel, variants);
    const key = JSON.stringify([call.variant, call.replaceUses]);
    const known = variants.get(key);
    if (known) return known;
    const start = performance.now();
    const text = specialize(call);
    const code = this.options.rewrite?.(call.kernel, text) ?? text;
    const module = this.gpu.createShaderModule({ label: call.kernel.name, code });
    const layout = this.#layout(call.kernel);
    const pipeline = this.gpu.createComputePipeline({
      label: `${call.kernel.name} ${key}`,
      layout: this.gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: "main" },
    });
    const made = { pipeline, layout };
    variants.set(key, made);
    this.#hasNewText = true;
    this.stats.texts++;
    this.stats.compileMs += performance.now() - start;
    return made;
  }

  #layout(kernel: Kernel): GPUBindGroupLayout {
    const key = kernel.bindings.map((binding) => binding.access).join();
    const known = this.#layouts.get(key);
    if (known) return known;
    const entries: GPUBindGroupLayoutEntry[] = kernel.bindings.map((binding, index) => ({
      binding: index,
      visibility: 4, // COMPUTE
      buffer: { type: binding.access === "read" ? "read-only-storage" : "storage" },
    }));
    entries.push({ binding: entries.length, visibility: 4, buffer: { type: "uniform" } });
    const layout = this.gpu.createBindGroupLayout({ entries });
    this.#layouts.set(key, layout);
    return layout;
  }

  #bindGroup(
    call: KernelCall,
    layout: GPUBindGroupLayout,
    places: readonly Place[],
    params: GPUBuffer,
    offset: number,
  ): GPUBindGroup {
    const entries: GPUBindGroupEntry[] = places.map((place, binding) => ({
      binding,
      resource: { buffer: (place.buffer as GpuBuffer).gpu, offset: place.offset, size: place.bytes },
    }));
    entries.push({ binding: entries.length, resource: { buffer: params, offset, size: paramBytes(call.kernel) } });
    return this.gpu.createBindGroup({ label: call.kernel.name, layout, entries });
  }
}

/** GPUBufferUsage and GPUMapMode by number: the globals exist in browsers only. */
const GPU_USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128 } as const;
const GPU_MAP_READ = 1;
