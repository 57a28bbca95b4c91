import { type DeviceFacts, type Kernel, type KernelCall, paramBytes, specialize, writeParams } from "@attune/kernels-wgsl";
import {
  AllocationError,
  DeviceError,
  DeviceLostError,
  DeviceStalledError,
  type Holder,
  PipelineError,
  showBytes,
  TensorError,
} from "../errors.js";
import { alignTo } from "./align.js";
import type { Backend, BackendBuffer, Place, PreparedProgram } from "./backend.js";
import { uniformBytes } from "./null.js";

/** Eager calls per submit: enough to amortise a submit (~40 us), few enough that the device starts early. */
const CALLS_PER_SUBMIT = 192;
/** Uploads per submit: writeBuffer's staging memory is given back only when a submit follows. */
const UPLOAD_BYTES_PER_SUBMIT = 64 * 2 ** 20;
/** Room for the params of one eager call. */
const EAGER_PARAM_BYTES = 128;
const STALL_MS = { hardware: 10 * 60_000, software: 60 * 60_000 } as const;

export interface WebGpuOptions {
  /**
   * How to await the device. Dawn polls in a tight loop while a promise is pending: on software adapters that steals a core.
   * `isOver` says that nobody waits any more.
   */
  wait?: <T>(promise: Promise<T>, isOver: () => boolean) => Promise<T>;
  /** Longest wait for a read-back, with all work in front of it; then DeviceStalledError. Ten minutes; an hour on software adapters. */
  stallMs?: number;
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
  /** Objects made on the device: a replay makes none. */
  buffers: number;
  bindGroups: number;
}

interface GpuBuffer extends BackendBuffer {
  readonly gpu: GPUBuffer;
}
interface ReadyCall {
  readonly pipeline: GPUComputePipeline;
  readonly bindGroup: GPUBindGroup;
  readonly x: number;
  readonly y: number;
  readonly z: number;
}
interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export class WebGpuBackend implements Backend {
  readonly isPaper = false;
  readonly stats: WebGpuStats = {
    texts: 0,
    compileMs: 0,
    dispatches: 0,
    submits: 0,
    buffers: 0,
    bindGroups: 0,
  };
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
  /** Reported at the next flush or read-back, once. */
  #failure: DeviceError | null = null;
  /** Reported by everything that follows: a lost device does nothing, and says that it did. */
  #end: DeviceError | null = null;
  readonly #wait: NonNullable<WebGpuOptions["wait"]>;
  readonly #stallMs: number;
  holders: () => readonly Holder[] = () => [];

  constructor(
    readonly gpu: GPUDevice,
    readonly facts: DeviceFacts,
    private readonly options: WebGpuOptions = {},
  ) {
    this.#wait = options.wait ?? ((promise) => promise);
    this.#stallMs = options.stallMs ?? (facts.isSoftware ? STALL_MS.software : STALL_MS.hardware);
    this.#ringSlot = alignTo(EAGER_PARAM_BYTES, facts.limits.minUniformBufferOffsetAlignment);
    this.#ringBytes = new ArrayBuffer(this.#ringSlot * CALLS_PER_SUBMIT);
    this.#ring = gpu.createBuffer({
      label: "eager params",
      size: this.#ringBytes.byteLength,
      usage: GPU_USAGE.UNIFORM | GPU_USAGE.COPY_DST,
    });
    gpu.addEventListener?.("uncapturederror", (event) => {
      event.preventDefault(); // dawn.node prints it to stdout otherwise
      this.#failure ??= this.#typed(event.error);
    });
    void gpu.lost.then((info) => {
      if (info.reason === "destroyed") return;
      this.#end ??= new DeviceLostError(
        `device lost: ${info.message}. Nothing can be read from it any more: open a device anew and resume from the last checkpoint`,
        { holders: this.holders() },
      );
    });
  }

  /** Device memory that the backend takes for itself. */
  static engineBytes(facts: DeviceFacts): number {
    return alignTo(EAGER_PARAM_BYTES, facts.limits.minUniformBufferOffsetAlignment) * CALLS_PER_SUBMIT;
  }

  createBuffer(bytes: number, label: string): GpuBuffer {
    this.#throwEnd();
    const { maxBufferSize } = this.facts.limits;
    if (bytes > maxBufferSize) {
      throw new AllocationError(`${label}: a buffer of ${bytes} bytes exceeds this device's maxBufferSize of ${maxBufferSize}`, {
        label,
        bytes,
      });
    }
    const usage = GPU_USAGE.STORAGE | GPU_USAGE.UNIFORM | GPU_USAGE.COPY_SRC | GPU_USAGE.COPY_DST;
    const gpu = this.#allocate({ label, size: bytes, usage });
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
    this.#throwEnd();
    const bytes = paramBytes(call.kernel);
    if (bytes > this.#ringSlot) {
      throw new TensorError(
        `kernel ${call.kernel.name}: its ${bytes} bytes of params exceed the ${this.#ringSlot} that an eager call has. Capture it, or give it fewer.`,
      );
    }
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
    const view = new DataView(data);
    let offset = 0;
    const ready = steps.map(({ call, places }) => {
      const { pipeline, layout } = this.#pipeline(call);
      writeParams(call, view, offset);
      const bindGroup = this.#bindGroup(call, layout, places, uniforms.gpu, offset);
      offset += alignTo(paramBytes(call.kernel), this.facts.limits.minUniformBufferOffsetAlignment);
      const [x, y, z] = call.workgroups;
      return { pipeline, bindGroup, x, y, z };
    });
    this.write({ buffer: uniforms, offset: 0, bytes }, new Uint8Array(data));
    return { run: () => this.#replay(ready), dispose: () => uniforms.destroy() };
  }

  flush(): void {
    this.#submit();
    this.#releaseStaging(); // destroyed buffers and written staging are given back only when a submit follows
    this.#throwFailure();
  }

  async read(place: Place): Promise<ArrayBuffer> {
    this.#throwEnd();
    const usage = GPU_USAGE.MAP_READ | GPU_USAGE.COPY_DST;
    const staging = this.#allocate({ label: "read-back", size: place.bytes, usage });
    this.#endPass();
    this.#encoderNow().copyBufferToBuffer((place.buffer as GpuBuffer).gpu, place.offset, staging, 0, place.bytes);
    this.#submit();
    const start = performance.now();
    try {
      await this.#settled(staging.mapAsync(GPU_MAP_READ), place.bytes);
      return staging.getMappedRange().slice(0);
    } catch (error) {
      if (error instanceof DeviceError) throw error;
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
    this.#throwEnd();
    const failure = this.#failure;
    this.#failure = null;
    if (failure) throw failure;
  }

  #throwEnd(): void {
    if (this.#end) throw this.#end;
  }

  /** Awaits the device, but not for ever. */
  async #settled(promise: Promise<unknown>, bytes: number): Promise<void> {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stalled = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const seconds = this.#stallMs / 1000;
        const error = new DeviceStalledError(
          `device stalled: a read-back of ${bytes} bytes, with the work in front of it, did not finish in ${seconds} s. A kernel hangs, or too much work waits between two read-backs (openDevice({ stallMs }) allows more)`,
          { label: "read-back", bytes, holders: this.holders() },
        );
        this.#end ??= error;
        reject(error);
      }, this.#stallMs);
    });
    try {
      await Promise.race([this.#wait(promise, () => isOver), stalled]);
    } finally {
      isOver = true;
      clearTimeout(timer);
    }
  }

  /** What Dawn reports without a call to blame, as one of our errors: the label that it names says whose fault it is. */
  #typed(error: GPUError): DeviceError {
    const { message } = error;
    const label = message.match(/\[\w+ "([^"]*)"\]/)?.[1];
    const details = label === undefined ? {} : { label };
    if (error.constructor.name === "GPUOutOfMemoryError" || /out of (?:device )?memory/i.test(message)) {
      return new AllocationError(`device out of memory: ${message}`, { ...details, holders: this.holders() });
    }
    if (/\[(?:Invalid )?(?:ShaderModule|ComputePipeline)\b/.test(message) || /\bWGSL\b|while parsing/i.test(message)) {
      return new PipelineError(`device error: ${message}`, details);
    }
    return new DeviceError(`device error: ${message}`, details);
  }

  #allocate(descriptor: GPUBufferDescriptor & { label: string }): GPUBuffer {
    this.stats.buffers++;
    try {
      return this.gpu.createBuffer(descriptor);
    } catch (error) {
      const { label, size } = descriptor;
      throw new AllocationError(`${label}: no buffer of ${showBytes(size)}: ${(error as Error).message}`, {
        label,
        bytes: size,
        holders: this.holders(),
      });
    }
  }

  /** Encodes and submits a whole program: nothing is made here but the encoder, and a pipeline is set only where it changes. */
  #replay(ready: readonly ReadyCall[]): void {
    this.#throwEnd();
    this.#submit();
    const encoder = this.gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    let current: GPUComputePipeline | null = null;
    for (const { pipeline, bindGroup, x, y, z } of ready) {
      if (pipeline !== current) {
        pass.setPipeline(pipeline);
        current = pipeline;
      }
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(x, y, z);
    }
    pass.end();
    this.stats.dispatches += ready.length;
    this.#encoder = encoder;
    this.#submit();
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
    const layout = this.#layout(call.kernel);
    const made = { pipeline: this.#compiled(call.kernel.name, key, code, layout), layout };
    variants.set(key, made);
    this.#hasNewText = true;
    this.stats.texts++;
    this.stats.compileMs += performance.now() - start;
    return made;
  }

  #compiled(kernel: string, variant: string, code: string, layout: GPUBindGroupLayout): GPUComputePipeline {
    try {
      const module = this.gpu.createShaderModule({ label: kernel, code });
      return this.gpu.createComputePipeline({
        label: `${kernel} ${variant}`,
        layout: this.gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: "main" },
      });
    } catch (error) {
      throw new PipelineError(`kernel ${kernel} ${variant}: no pipeline: ${(error as Error).message}`, { label: kernel });
    }
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
    this.stats.bindGroups++;
    return this.gpu.createBindGroup({ label: call.kernel.name, layout, entries });
  }
}

/** GPUBufferUsage and GPUMapMode by number: the globals exist in browsers only. */
const GPU_USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128 } as const;
const GPU_MAP_READ = 1;
