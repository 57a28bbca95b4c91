// One kernel call on a bare GPUDevice: several dispatches of the same inputs, with words around every storage that must stay as they were.
import type { DeviceFacts } from "../facts.js";
import { type Kernel, type KernelCall, paramBytes, specialize, type TexelFormat, writeParams } from "../kernel.js";
import { TEXTURE_GAP, textureWidth } from "../texture.js";

/** What kernels are tested on: any GPUDevice, and what plans may know of it. */
export interface KernelDevice {
  readonly gpu: GPUDevice;
  readonly facts: DeviceFacts;
  /** Replaces a kernel's text before it is compiled: mutants. */
  readonly rewrite?: (kernel: Kernel, code: string) => string;
  /** How to await the device, where a promise alone would burn a core. */
  readonly wait?: <T>(promise: Promise<T>) => Promise<T>;
}

/** Words behind a storage's data, inside its binding: a write beyond the end lands in them, a read finds NaN. */
export const GUARD_WORDS = 256;
/** Behind what is read: NaN as f32, nonsense as an integer. */
export const GUARD = 0x7fc0dead;
/** Behind what is written: 1.507. NaN would not do, since NaN plus anything has the same bits. */
const WRITTEN_GUARD = 0x3fc0dead;

/** Words of a storage with its guard: data, padded to 16 bytes as kernels of vec4 expect, then the guard. */
export function guarded(data: Uint32Array, access: "read" | "read_write"): Uint32Array<ArrayBuffer> {
  const guard = access === "read" ? GUARD : WRITTEN_GUARD;
  const words = new Uint32Array(Math.max(4, Math.ceil(data.length / 4) * 4) + GUARD_WORDS).fill(guard);
  words.set(data);
  return words;
}

const pipelines = new WeakMap<GPUDevice, Map<string, Promise<GPUComputePipeline>>>();

function pipelineOf({ gpu, rewrite }: KernelDevice, call: KernelCall): Promise<GPUComputePipeline> {
  const { kernel } = call;
  const text = specialize(call);
  const code = rewrite ? rewrite(kernel, text) : text;
  const known = pipelines.get(gpu) ?? new Map<string, Promise<GPUComputePipeline>>();
  pipelines.set(gpu, known);
  const made = known.get(code) ?? compile(gpu, kernel, code);
  known.set(code, made);
  return made;
}

/** A text that is no kernel. */
export class KernelTextError extends Error {}

/** @throws KernelTextError with the compiler's messages, line by line */
async function compile(gpu: GPUDevice, kernel: Kernel, code: string): Promise<GPUComputePipeline> {
  gpu.pushErrorScope("validation");
  const module = gpu.createShaderModule({ label: kernel.name, code });
  const COMPUTE = 4; // GPUShaderStage.COMPUTE, which Node does not have as a global
  const entries = kernel.bindings.map(({ access, texture }, binding): GPUBindGroupLayoutEntry => {
    const one = { binding, visibility: COMPUTE };
    if (texture) return { ...one, storageTexture: { access: "read-only", format: texture } };
    return { ...one, buffer: { type: access === "read" ? "read-only-storage" : "storage" } };
  });
  if (kernel.params.length > 0) entries.push({ binding: entries.length, visibility: COMPUTE, buffer: { type: "uniform" } });
  // not "auto": a variant may leave a binding unused
  const layout = gpu.createPipelineLayout({ bindGroupLayouts: [gpu.createBindGroupLayout({ entries })] });
  const pipeline = gpu.createComputePipeline({ label: kernel.name, layout, compute: { module } });
  const { messages } = await module.getCompilationInfo();
  const failure = await gpu.popErrorScope();
  const errors = messages.filter(({ type }) => type === "error");
  if (errors.length > 0)
    throw new KernelTextError(`${kernel.name}: ${errors.map((m) => `${m.lineNum}:${m.linePos} ${m.message}`).join("; ")}`);
  if (failure) throw new KernelTextError(`${kernel.name}: ${failure.message}`);
  return pipeline;
}

/** Narrower than a backend's, so that small shapes have many rows. */
const NARROW = 16;

/** A storage as a kernel sees it that reads texels: its guard lies behind the data as well, and the gaps and what is left of the last row are 0. */
function textureOf(gpu: GPUDevice, format: TexelFormat, words: Uint32Array): GPUTexture {
  const width = textureWidth(words.length / 4, NARROW);
  const rows = Math.ceil(words.length / 4 / width);
  const whole = new Uint32Array(rows * width * 4);
  whole.set(words);
  const [STORAGE_BINDING, COPY_DST] = [8, 2]; // GPUTextureUsage
  const texture = gpu.createTexture({ size: [width + TEXTURE_GAP, rows], format, usage: STORAGE_BINDING | COPY_DST });
  gpu.queue.writeTexture({ texture }, whole, { bytesPerRow: width * 16 }, [width, rows]);
  return texture;
}

const USAGE = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128 } as const;

/**
 * Dispatches each call once, on fresh copies of the same storages; `storages` are guarded words by binding. All calls are of one kernel.
 * Returns for each call what the written storages hold afterwards.
 * @throws what the compiler or the validation says
 */
export async function dispatchAll(
  device: KernelDevice,
  calls: readonly KernelCall[],
  storages: Readonly<Record<string, Uint32Array<ArrayBuffer>>>,
): Promise<Record<string, Uint32Array>[]> {
  const { gpu, wait = (promise) => promise } = device;
  const { kernel } = calls[0]!;
  const ready = await Promise.all(calls.map((call) => pipelineOf(device, call)));
  const align = 256;
  // reads and writes in a buffer each: one buffer may not be both in a dispatch
  const place = (access: "read" | "read_write") => {
    let bytes = 0;
    const offsets = kernel.bindings.map((binding) => {
      const at = bytes;
      if (binding.access === access) bytes += Math.ceil(storages[binding.name]!.byteLength / align) * align + align;
      return at;
    });
    return { offsets, bytes: Math.max(bytes, align) };
  };
  const [reads, writes] = [place("read"), place("read_write")];
  const uniform = Math.max(16, paramBytes(kernel));
  const slot = Math.ceil(uniform / align) * align;
  const made: GPUBuffer[] = [];
  const buffer = (size: number, usage: number): GPUBuffer => {
    const one = gpu.createBuffer({ label: `test of ${kernel.name}`, size, usage });
    made.push(one);
    return one;
  };
  gpu.pushErrorScope("validation");
  const input = buffer(reads.bytes, USAGE.STORAGE | USAGE.COPY_DST);
  const params = buffer(slot * calls.length, USAGE.UNIFORM | USAGE.COPY_DST);
  const outputs = calls.map(() => buffer(writes.bytes, USAGE.STORAGE | USAGE.COPY_DST | USAGE.COPY_SRC));
  const back = buffer(writes.bytes * calls.length, USAGE.MAP_READ | USAGE.COPY_DST);
  kernel.bindings.forEach(({ name, access }, i) => {
    if (access === "read") gpu.queue.writeBuffer(input, reads.offsets[i]!, storages[name]!);
    else for (const output of outputs) gpu.queue.writeBuffer(output, writes.offsets[i]!, storages[name]!);
  });
  const fields = new DataView(new ArrayBuffer(slot * calls.length));
  calls.forEach((call, i) => {
    writeParams(call, fields, i * slot);
  });
  gpu.queue.writeBuffer(params, 0, fields.buffer as ArrayBuffer);
  const textures = kernel.bindings.map(({ name, texture }) => (texture ? textureOf(gpu, texture, storages[name]!) : null));
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  calls.forEach((call, i) => {
    const entries = kernel.bindings.map(({ name, access }, binding): GPUBindGroupEntry => {
      const texture = textures[binding];
      if (texture) return { binding, resource: texture.createView() };
      const [from, offset] = access === "read" ? [input, reads.offsets[binding]!] : [outputs[i]!, writes.offsets[binding]!];
      return { binding, resource: { buffer: from, offset, size: storages[name]!.byteLength } };
    });
    if (kernel.params.length > 0)
      entries.push({ binding: entries.length, resource: { buffer: params, offset: i * slot, size: uniform } });
    pass.setPipeline(ready[i]!);
    pass.setBindGroup(0, gpu.createBindGroup({ layout: ready[i]!.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(...call.workgroups);
  });
  pass.end();
  outputs.forEach((output, i) => {
    encoder.copyBufferToBuffer(output, 0, back, i * writes.bytes, writes.bytes);
  });
  gpu.queue.submit([encoder.finish()]);
  const failure = await gpu.popErrorScope();
  if (failure) throw new Error(`${kernel.name}: ${failure.message}`);
  await wait(back.mapAsync(1));
  const mapped = back.getMappedRange();
  const results = calls.map((_, i) =>
    Object.fromEntries(
      kernel.bindings.flatMap(({ name, access }, k): [string, Uint32Array][] => {
        if (access === "read") return [];
        const at = i * writes.bytes + writes.offsets[k]!;
        return [[name, new Uint32Array(mapped.slice(at, at + storages[name]!.byteLength))]];
      }),
    ),
  );
  back.unmap();
  for (const one of [...made, ...textures]) one?.destroy();
  return results;
}
