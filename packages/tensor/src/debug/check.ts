// Every output of every call looked at by its bits: the first that gets a NaN or an Inf is told with what its kernel was given.
// The looking is done on the device, before and behind each call, and read back with the next read-back: nothing waits in between.
import {
  type KernelCall,
  type MatmulStorage,
  paramBytes,
  planRange,
  RANGE_WORDS,
  specialize,
  writeParams,
} from "@attune/kernels-wgsl";
import type { Place } from "../device/backend.js";
import type { ProbedCall, Settle } from "../device/probe.js";
import { GPU_MAP_READ, GPU_USAGE } from "../device/usage.js";
import type { GpuBuffer } from "../device/webgpu.js";
import type { Origins } from "./origins.js";

/** An op gave a NaN or an Inf while ATTUNE_DEBUG=5 was looking. */
export class NonFiniteError extends Error {
  override readonly name = "NonFiniteError";
  readonly exitClass = "numerics";
}

interface Range {
  readonly low: number;
  readonly high: number;
  readonly bad: number;
  readonly first: number;
  readonly firstValue: number;
}

/** A call and the slots of its storages' ranges, in the kernel's order; null where nothing was measured (integers, nothing bound). */
interface Checked {
  readonly call: KernelCall;
  readonly before: readonly (number | null)[];
  readonly after: (number | null)[];
}

/** Slots of one submit: ranges, their params, and the way back. */
interface Batch {
  readonly ranges: GPUBuffer;
  readonly params: GPUBuffer;
  readonly staging: GPUBuffer;
  readonly data: DataView;
  used: number;
  checked: Checked[];
}

const SLOTS = 2048;

export class OutputChecker {
  readonly #pipeline: GPUComputePipeline;
  readonly #slotBytes: number;
  #open: Batch[] = [];
  #submitted: Batch[] = [];
  readonly #free: Batch[] = [];

  constructor(
    readonly gpu: GPUDevice,
    alignment: number,
    readonly origins: Origins,
  ) {
    const code = specialize(planRange({ count: 0, storage: "f32", slot: 0 }));
    const module = gpu.createShaderModule({ label: "inspect/range", code });
    this.#pipeline = gpu.createComputePipeline({
      label: "inspect/range",
      layout: "auto",
      compute: { module, entryPoint: "main" },
    });
    this.#slotBytes = Math.max(16, alignment);
  }

  around(encoder: GPUCommandEncoder, { call, places }: ProbedCall, encode: () => void): void {
    const batch = this.#room(2 * places.length);
    const before = this.#measure(encoder, batch, call, places, () => true);
    encode();
    const after = this.#measure(encoder, batch, call, places, (place) => call.kernel.bindings[place]!.access === "read_write");
    batch.checked.push({ call, before, after });
  }

  submitting(encoder: GPUCommandEncoder): void {
    for (const { ranges, params, staging, data, used } of this.#open) {
      this.gpu.queue.writeBuffer(params, 0, data.buffer as ArrayBuffer, 0, used * this.#slotBytes);
      encoder.copyBufferToBuffer(ranges, 0, staging, 0, used * RANGE_WORDS * 4);
    }
  }

  submitted(): void {
    this.#submitted.push(...this.#open);
    this.#open = [];
  }

  /** @throws NonFiniteError for the first call that wrote a NaN or an Inf */
  async settled(settle: Settle): Promise<void> {
    const batches = this.#submitted;
    this.#submitted = [];
    let found: string | null = null;
    for (const batch of batches) {
      await settle(batch.staging.mapAsync(GPU_MAP_READ));
      const bytes = batch.staging.getMappedRange().slice(0);
      batch.staging.unmap();
      const rangeOf = (slot: number | null | undefined): Range | null => (slot == null ? null : readRange(bytes, slot));
      for (const checked of batch.checked) {
        const place = checked.after.findIndex((slot, i) => isNew(rangeOf(checked.before[i]), rangeOf(slot)));
        if (place < 0) continue;
        found ??= this.#report(checked, place, rangeOf);
        break;
      }
      batch.checked = [];
      batch.used = 0;
      this.#free.push(batch);
    }
    if (found !== null) throw new NonFiniteError(found);
  }

  #room(slots: number): Batch {
    const last = this.#open.at(-1);
    if (last && last.used + slots <= SLOTS) return last;
    const bytes = SLOTS * RANGE_WORDS * 4;
    const made = this.#free.pop() ?? {
      ranges: this.gpu.createBuffer({ label: "ranges", size: bytes, usage: GPU_USAGE.STORAGE | GPU_USAGE.COPY_SRC }),
      params: this.gpu.createBuffer({
        label: "range params",
        size: SLOTS * this.#slotBytes,
        usage: GPU_USAGE.UNIFORM | GPU_USAGE.COPY_DST,
      }),
      staging: this.gpu.createBuffer({ label: "ranges read-back", size: bytes, usage: GPU_USAGE.MAP_READ | GPU_USAGE.COPY_DST }),
      data: new DataView(new ArrayBuffer(SLOTS * this.#slotBytes)),
      used: 0,
      checked: [],
    };
    this.#open.push(made);
    return made;
  }

  #measure(
    encoder: GPUCommandEncoder,
    batch: Batch,
    call: KernelCall,
    places: readonly Place[],
    wants: (place: number) => boolean,
  ): (number | null)[] {
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pipeline);
    const slots = places.map((place, i) => {
      const content = wants(i) ? this.#contentOf(call, i, place) : null;
      if (!content) return null;
      const slot = batch.used++;
      const range = planRange({ ...content, slot });
      writeParams(range, batch.data, slot * this.#slotBytes);
      const params = { buffer: batch.params, offset: slot * this.#slotBytes, size: paramBytes(range.kernel) };
      const bindGroup = this.gpu.createBindGroup({
        layout: this.#pipeline.getBindGroupLayout(0),
        entries: [
          { binding: 0, resource: { buffer: (place.buffer as GpuBuffer).gpu, offset: place.offset, size: place.bytes } },
          { binding: 1, resource: { buffer: batch.ranges } },
          { binding: 2, resource: params },
        ],
      });
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(1);
      return slot;
    });
    pass.end();
    return slots;
  }

  /** How many numbers a binding holds and how they are stored; null where it holds none. */
  #contentOf(call: KernelCall, i: number, place: Place): { count: number; storage: MatmulStorage } | null {
    const storage = this.origins.call(call)?.storages[i];
    if (storage?.label === "empty") return null;
    const known = storage && this.origins.tensor(storage);
    if (known) {
      if (known.dtype === "i32" || known.dtype === "u32") return null;
      return { count: known.shape.reduce((product, length) => product * length, 1), storage: known.dtype };
    }
    // no tensor (scratch of a matmul, a piece of a large one): what the kernel takes it for
    const isFloat = /\b(f32|vec[234]f)\b/.test(call.kernel.bindings[i]!.type);
    return isFloat ? { count: place.bytes / 4, storage: "f32" } : null;
  }

  #report({ call, before, after }: Checked, place: number, rangeOf: (slot: number | null | undefined) => Range | null): string {
    const { kernel } = call;
    const known = this.origins.call(call);
    const storages = known?.storages ?? [];
    const name = (i: number): string =>
      storages[i] ? this.origins.describe(kernel.bindings[i]!.name, storages[i]) : kernel.bindings[i]!.name;
    const found = rangeOf(after[place])!;
    const shape = (storages[place] && this.origins.tensor(storages[place])?.shape) ?? [];
    const others = found.bad > 1 ? `, the first of ${found.bad}` : "";
    const inputs = kernel.bindings.flatMap(({ access }, i) => {
      const range = rangeOf(before[i]);
      // what is only written held leftovers before
      return range && (access === "read" || i !== place) ? [`  ${name(i)}: ${showRange(range)}`] : [];
    });
    return [
      `${Number.isNaN(found.firstValue) ? "NaN" : found.firstValue > 0 ? "Inf" : "-Inf"} in ${name(place)} at ${indexOf(found.first, shape)}${others}: kernel ${kernel.name}, op ${known?.op ?? "unknown"}. Before the call:`,
      ...inputs,
      ...(known && known.stack.length > 0 ? ["  called at", ...known.stack.map((frame) => `    ${frame}`)] : []),
    ].join("\n");
  }
}

function readRange(bytes: ArrayBuffer, slot: number): Range {
  const at = slot * RANGE_WORDS;
  const words = new Uint32Array(bytes);
  const floats = new Float32Array(bytes);
  return {
    low: floats[at]!,
    high: floats[at + 1]!,
    bad: words[at + 2]!,
    first: words[at + 3]!,
    firstValue: floats[at + 4]!,
  };
}

/** Elements that a call does not write keep leftovers of earlier owners: what was there before is not its doing. */
function isNew(before: Range | null, after: Range | null): boolean {
  if (!after || after.bad === 0) return false;
  return !before || after.bad > before.bad || after.first !== before.first;
}

function showRange({ low, high, bad }: Range): string {
  const finite = low > high ? "no finite value" : `${Number(low.toPrecision(4))} .. ${Number(high.toPrecision(4))}`;
  return bad === 0 ? finite : `${finite}, ${bad} NaN or Inf`;
}

/** A flat index as [row, column]; alone where the shape is not known. */
function indexOf(flat: number, shape: readonly number[]): string {
  let rest = flat;
  const index = [...shape]
    .reverse()
    .map((length) => {
      const at = rest % length;
      rest = Math.floor(rest / length);
      return at;
    })
    .reverse();
  return shape.length === 0 ? `element ${flat}` : `[${index.join(", ")}]`;
}
