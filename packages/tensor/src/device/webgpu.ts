import { type DeviceFacts, type Kernel, type KernelCall, paramBytes, writeParams } from "@attune/kernels-wgsl";
import { AllocationError, DeviceError, type Holder, TensorError } from "../errors.js";
import { alignTo } from "./align.js";
import { refusable } from "./allocation.js";
import type { Backend, Place, PreparedProgram } from "./backend.js";
import { Failures } from "./failures.js";
import { uniformBytes } from "./null.js";
import { PipelineCache } from "./pipelines.js";
import type { CallProbe } from "./probe.js";
import { encodeProgram, type ReadyCall } from "./replay.js";
import { RunningSubmits } from "./runningSubmits.js";
import { StagingBuffers } from "./staging.js";
import { SubmitPace, workOf } from "./submitPace.js";
import { dueCopies, encodeCopies, type TextureCopy, type TexturedBuffer, TextureSet } from "./textures.js";
import { GPU_MAP_READ, GPU_USAGE } from "./usage.js";

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
  /** Longest wait without a submit that is finished; then DeviceStalledError. Ten minutes; an hour on software adapters. */
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

export type GpuBuffer = TexturedBuffer;

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
  /** Looks at every call: profiles and debugging. */
  probe: CallProbe | null = null;
  readonly #pipelines: PipelineCache;
  readonly #textures: TextureSet;
  readonly #ring: GPUBuffer;
  readonly #ringSlot: number;
  readonly #ringBytes: ArrayBuffer;
  #ringUsed = 0;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  #eagerWork = 0;
  #uploaded = 0;
  #hasNewText = false;
  readonly #pace: SubmitPace;
  readonly #staging = new StagingBuffers((size) =>
    this.#allocate({ label: "read-back", size, usage: GPU_USAGE.MAP_READ | GPU_USAGE.COPY_DST }),
  );
  readonly #running: RunningSubmits;
  readonly #failures: Failures;
  readonly #wait: NonNullable<WebGpuOptions["wait"]>;
  readonly #stallMs: number;

  constructor(
    readonly gpu: GPUDevice,
    readonly facts: DeviceFacts,
    options: WebGpuOptions = {},
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
    this.#failures = new Failures(gpu);
    this.#running = new RunningSubmits(gpu.queue, () => this.#failures.alive());
    this.#textures = new TextureSet(gpu, this.#failures);
    this.#pipelines = new PipelineCache(
      gpu,
      options.rewrite,
      (milliseconds) => {
        this.#hasNewText = true;
        this.stats.texts++;
        this.stats.compileMs += milliseconds;
      },
      (error) => this.#failures.report(error),
    );
    this.#pace = new SubmitPace(!facts.isSoftware);
  }

  get holders(): () => readonly Holder[] {
    return this.#failures.holders;
  }

  set holders(holders: () => readonly Holder[]) {
    this.#failures.holders = holders;
  }

  /** Device memory that the backend takes for itself. */
  static engineBytes(facts: DeviceFacts): number {
    return alignTo(EAGER_PARAM_BYTES, facts.limits.minUniformBufferOffsetAlignment) * CALLS_PER_SUBMIT;
  }

  createBuffer(bytes: number, label: string): GpuBuffer {
    this.#failures.throwEnd();
    const { maxBufferSize } = this.facts.limits;
    if (bytes > maxBufferSize) {
      throw new AllocationError(`${label}: a buffer of ${bytes} bytes exceeds this device's maxBufferSize of ${maxBufferSize}`, {
        label,
        bytes,
      });
    }
    const usage = GPU_USAGE.STORAGE | GPU_USAGE.UNIFORM | GPU_USAGE.COPY_SRC | GPU_USAGE.COPY_DST;
    const gpu = this.#allocate({ label, size: bytes, usage });
    const kept: GpuBuffer["kept"] = new Map();
    const destroy = (): void => {
      this.#submit(); // what is encoded may still use it
      gpu.destroy();
      for (const { texture } of kept.values()) texture.destroy();
    };
    return { bytes, gpu, kept, destroy };
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
    this.#failures.throwEnd();
    const bytes = paramBytes(call.kernel);
    if (bytes > this.#ringSlot) {
      throw new TensorError(
        `kernel ${call.kernel.name}: its ${bytes} bytes of params exceed the ${this.#ringSlot} that an eager call has. Capture it, or give it fewer.`,
      );
    }
    const { pipeline, layout } = this.#pipelines.get(call);
    const offset = this.#ringUsed * this.#ringSlot;
    writeParams(call, new DataView(this.#ringBytes), offset);
    this.#ringUsed++;
    const copies = this.#textures.copiesOf(call, places);
    const bindGroup = this.#bindGroup(call, layout, places, copies, this.#ring, offset);
    const [x, y, z] = call.workgroups;
    if (this.probe) this.#probed(this.probe, { call, places, copies, pipeline, bindGroup, x, y, z });
    else this.#encode(copies, pipeline, bindGroup, x, y, z);
    this.#eagerWork += workOf(call);
    if (this.#ringUsed === CALLS_PER_SUBMIT || this.#eagerWork >= this.#pace.most) this.#submit();
  }

  prepare(label: string, steps: readonly { call: KernelCall; places: readonly Place[] }[]): PreparedProgram {
    const calls = steps.map((step) => step.call);
    const bytes = uniformBytes(calls, this.facts);
    const uniforms = this.createBuffer(bytes, `${label} params`);
    try {
      return this.#prepared(steps, uniforms, bytes);
    } catch (error) {
      uniforms.destroy();
      throw error;
    }
  }

  #prepared(
    steps: readonly { call: KernelCall; places: readonly Place[] }[],
    uniforms: GpuBuffer,
    bytes: number,
  ): PreparedProgram {
    const data = new ArrayBuffer(bytes);
    const view = new DataView(data);
    let offset = 0;
    const ready = steps.map(({ call, places }) => {
      const { pipeline, layout } = this.#pipelines.get(call);
      writeParams(call, view, offset);
      const copies = this.#textures.copiesOf(call, places);
      const bindGroup = this.#bindGroup(call, layout, places, copies, uniforms.gpu, offset);
      offset += alignTo(paramBytes(call.kernel), this.facts.limits.minUniformBufferOffsetAlignment);
      const [x, y, z] = call.workgroups;
      return { call, places, copies, pipeline, bindGroup, x, y, z };
    });
    this.write({ buffer: uniforms, offset: 0, bytes }, new Uint8Array(data));
    return { run: () => this.#replay(ready), dispose: () => uniforms.destroy() };
  }

  release(): void {
    this.#staging.drop();
    this.#submit();
    this.#releaseStaging();
  }

  flush(): void {
    this.#submit();
    this.#releaseStaging(); // destroyed buffers and written staging are given back only when a submit follows
    this.#failures.throwAny();
  }

  async read(place: Place): Promise<ArrayBuffer> {
    const bytes = await this.#readBack(place);
    await this.probe?.settled((promise) => this.#settled(promise, "a measurement's read-back"));
    return bytes;
  }

  async #readBack(place: Place): Promise<ArrayBuffer> {
    this.#failures.throwEnd();
    const staging = this.#staging.take(place.bytes);
    let isDone = false;
    this.#endPass();
    this.#encoderNow().copyBufferToBuffer((place.buffer as GpuBuffer).gpu, place.offset, staging, 0, place.bytes);
    this.#submit();
    const start = performance.now();
    try {
      await this.#settled(staging.mapAsync(GPU_MAP_READ, 0, place.bytes), `a read-back of ${place.bytes} bytes`, place.bytes);
      const copy = staging.getMappedRange(0, place.bytes).slice(0);
      isDone = true;
      return copy;
    } catch (error) {
      if (error instanceof DeviceError) throw error;
      this.#failures.throwAny();
      throw new DeviceError(`read-back failed: ${(error as Error).message}`);
    } finally {
      if (this.#hasNewText) this.stats.compileMs += performance.now() - start;
      this.#hasNewText = false;
      if (isDone) this.#staging.give(staging);
      else staging.destroy();
      this.#failures.throwAny();
    }
  }

  /** Submits that the device has not finished. */
  get submitsRunning(): number {
    return this.#running.count;
  }

  async pace(submits: number): Promise<void> {
    while (this.#running.count > submits) {
      await this.#settled(this.#running.oldest!, `one of ${this.#running.count} submits`);
      this.#failures.throwAny();
    }
  }

  #settled(promise: Promise<unknown>, what: string, bytes?: number): Promise<void> {
    return this.#failures.settled(promise, this.#wait, this.#stallMs, what, bytes);
  }

  destroy(): void {
    this.#submit();
    this.#staging.drop();
    this.#ring.destroy();
    this.gpu.destroy();
  }

  #allocate(descriptor: GPUBufferDescriptor & { label: string }): GPUBuffer {
    this.stats.buffers++;
    return refusable(this.gpu, this.#failures, { ...descriptor, what: "buffer" }, () => this.gpu.createBuffer(descriptor));
  }

  /** Encodes and submits a whole program: nothing is made here but the encoder, and a pipeline is set only where it changes. */
  #replay(ready: readonly ReadyCall[]): void {
    this.#failures.throwEnd();
    this.#submit();
    if (this.probe) {
      let work = 0;
      for (const call of ready) {
        const more = workOf(call.call);
        if (this.#pace.cuts(work, more)) {
          this.#submit();
          work = 0;
        }
        work += more;
        this.#probed(this.probe, call);
      }
      this.#submit();
      return;
    }
    const { work, milliseconds } = this.#running.takeDone();
    this.#pace.measured(work, milliseconds);
    encodeProgram(this.gpu, ready, this.#pace, (encoder, work) => this.#submitWork(encoder, work));
    this.stats.dispatches += ready.length;
  }

  /** Replayed calls, whose speed tells how many of them the next submit may have; not where drivers compile in it. */
  #submitWork(encoder: GPUCommandEncoder, work: number): void {
    this.#encoder = encoder;
    this.#submit(this.#hasNewText ? undefined : work);
  }

  #encoderNow(): GPUCommandEncoder {
    this.#encoder ??= this.gpu.createCommandEncoder();
    return this.#encoder;
  }

  #encode(
    copies: readonly TextureCopy[],
    pipeline: GPUComputePipeline,
    bindGroup: GPUBindGroup,
    x: number,
    y: number,
    z: number,
  ): void {
    const due = dueCopies(copies);
    if (due.length > 0) {
      this.#endPass();
      encodeCopies(this.#encoderNow(), due);
    }
    this.#pass ??= this.#encoderNow().beginComputePass();
    this.#pass.setPipeline(pipeline);
    this.#pass.setBindGroup(0, bindGroup);
    this.#pass.dispatchWorkgroups(x, y, z);
    this.stats.dispatches++;
  }

  #probed(probe: CallProbe, { call, places, copies, pipeline, bindGroup, x, y, z }: ReadyCall): void {
    this.#endPass();
    const encoder = this.#encoderNow();
    const due = dueCopies(copies);
    const copy = due.length > 0 ? (): void => encodeCopies(encoder, due) : null;
    const encode = (descriptor?: GPUComputePassDescriptor): void => {
      const pass = encoder.beginComputePass(descriptor);
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(x, y, z);
      pass.end();
    };
    probe.around(encoder, { call, places }, encode, copy);
    this.stats.dispatches++;
    if (probe.submitsEachCall) this.#submit();
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
  }

  /** @param work where its time says how fast the device is */
  #submit(work?: number): void {
    if (!this.#encoder) return;
    this.#endPass();
    if (this.#ringUsed > 0) this.gpu.queue.writeBuffer(this.#ring, 0, this.#ringBytes, 0, this.#ringUsed * this.#ringSlot);
    this.probe?.submitting(this.#encoder);
    this.gpu.queue.submit([this.#encoder.finish()]);
    this.probe?.submitted();
    this.stats.submits++;
    this.#running.follow(work);
    this.#encoder = null;
    this.#ringUsed = 0;
    this.#eagerWork = 0;
    this.#uploaded = 0;
  }

  #releaseStaging(): void {
    this.gpu.queue.submit([]);
    this.#uploaded = 0;
  }

  #bindGroup(
    call: KernelCall,
    layout: GPUBindGroupLayout,
    places: readonly Place[],
    copies: readonly TextureCopy[],
    params: GPUBuffer,
    offset: number,
  ): GPUBindGroup {
    let texture = 0; // copies come in the order of the bindings that they are for
    const entries: GPUBindGroupEntry[] = places.map((place, binding) => ({
      binding,
      resource: call.kernel.bindings[binding]!.texture
        ? copies[texture++]!.to.createView()
        : { buffer: (place.buffer as GpuBuffer).gpu, offset: place.offset, size: place.bytes },
    }));
    entries.push({ binding: entries.length, resource: { buffer: params, offset, size: paramBytes(call.kernel) } });
    this.stats.bindGroups++;
    return this.gpu.createBindGroup({ label: call.kernel.name, layout, entries });
  }
}
