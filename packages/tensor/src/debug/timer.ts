// How long each call took on the device: by timestamps around its pass, or where the device has none by the queue's word that it is done.
import type { KernelCall } from "@attune/kernels-wgsl";
import type { CallProbe, EncodePass, ProbedCall, Settle } from "../device/probe.js";
import { GPU_MAP_READ, GPU_USAGE } from "../device/usage.js";

export interface CallTime extends ProbedCall {
  /** Milliseconds on the device's clock, whose zero is the timer's first call. */
  readonly start: number;
  readonly ms: number;
}

export interface CallTimer extends CallProbe {
  readonly kind: "timestamps" | "wall time";
  /** Times since the last take, in the order of the calls; complete only after a read-back. */
  take(): CallTime[];
  dispose(): void;
}

export function callTimer(gpu: GPUDevice): CallTimer {
  return gpu.features.has("timestamp-query") ? new TimestampTimer(gpu) : new WallTimer(gpu);
}

/** WebGPU allows 4,096 queries in a set; a call takes two. */
const CALLS_PER_SET = 2048;
const QUERY_BYTES = 8;

/** Up to CALLS_PER_SET calls of one submit, their queries, and the buffers that bring them back. */
interface Batch {
  readonly queries: GPUQuerySet;
  readonly resolved: GPUBuffer;
  readonly staging: GPUBuffer;
  calls: ProbedCall[];
}

class TimestampTimer implements CallTimer {
  readonly kind = "timestamps";
  readonly submitsEachCall = false;
  #times: CallTime[] = [];
  #open: Batch[] = [];
  #submitted: Batch[] = [];
  readonly #free: Batch[] = [];
  /** Nanoseconds of the first call. */
  #zero: bigint | null = null;

  constructor(readonly gpu: GPUDevice) {}

  around(encoder: GPUCommandEncoder, probed: ProbedCall, encode: EncodePass, copy: (() => void) | null): void {
    let batch = this.#open.at(-1);
    if (!batch || batch.calls.length === CALLS_PER_SET) {
      batch = this.#free.pop() ?? this.#makeBatch();
      this.#open.push(batch);
    }
    const query = 2 * batch.calls.length;
    batch.calls.push(probed);
    const [begin, end] = [{ beginningOfPassWriteIndex: query }, { endOfPassWriteIndex: query + 1 }];
    if (copy) {
      // copies stand outside of passes, and only passes take time: an empty one in front starts the clock
      encoder.beginComputePass({ timestampWrites: { querySet: batch.queries, ...begin } }).end();
      copy();
      encode({ timestampWrites: { querySet: batch.queries, ...end } });
    } else encode({ timestampWrites: { querySet: batch.queries, ...begin, ...end } });
  }

  submitting(encoder: GPUCommandEncoder): void {
    for (const { queries, calls, resolved, staging } of this.#open) {
      encoder.resolveQuerySet(queries, 0, 2 * calls.length, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, 2 * calls.length * QUERY_BYTES);
    }
  }

  submitted(): void {
    this.#submitted.push(...this.#open);
    this.#open = [];
  }

  async settled(settle: Settle): Promise<void> {
    const batches = this.#submitted;
    this.#submitted = [];
    for (const batch of batches) {
      await settle(batch.staging.mapAsync(GPU_MAP_READ));
      const stamps = new BigUint64Array(batch.staging.getMappedRange());
      batch.calls.forEach((probed, i) => {
        const [begin, end] = [stamps[2 * i]!, stamps[2 * i + 1]!];
        this.#zero ??= begin;
        this.#times.push({ ...probed, start: Number(begin - this.#zero) / 1e6, ms: Math.max(0, Number(end - begin) / 1e6) });
      });
      batch.staging.unmap();
      batch.calls = [];
      this.#free.push(batch);
    }
  }

  take(): CallTime[] {
    const times = this.#times;
    this.#times = [];
    return times;
  }

  dispose(): void {
    for (const { queries, resolved, staging } of [...this.#free, ...this.#open, ...this.#submitted]) {
      queries.destroy();
      resolved.destroy();
      staging.destroy();
    }
    this.#free.length = 0;
  }

  #makeBatch(): Batch {
    const size = 2 * CALLS_PER_SET * QUERY_BYTES;
    return {
      queries: this.gpu.createQuerySet({ label: "call times", type: "timestamp", count: 2 * CALLS_PER_SET }),
      resolved: this.gpu.createBuffer({ label: "call times", size, usage: GPU_USAGE.QUERY_RESOLVE | GPU_USAGE.COPY_SRC }),
      staging: this.gpu.createBuffer({ label: "call times read-back", size, usage: GPU_USAGE.MAP_READ | GPU_USAGE.COPY_DST }),
      calls: [],
    };
  }
}

/** Each call is submitted alone and takes from its predecessor's end to its own, submit included: coarse for small kernels. */
class WallTimer implements CallTimer {
  readonly kind = "wall time";
  readonly submitsEachCall = true;
  #times: CallTime[] = [];
  #encoded: ProbedCall[] = [];
  readonly #pending = new Set<Promise<void>>();
  #zero: number | null = null;
  #lastEnd = 0;

  constructor(readonly gpu: GPUDevice) {}

  around(_: GPUCommandEncoder, probed: ProbedCall, encode: EncodePass, copy: (() => void) | null): void {
    copy?.();
    encode();
    this.#encoded.push(probed);
  }

  submitting(): void {}

  submitted(): void {
    const calls = this.#encoded;
    this.#encoded = [];
    if (calls.length === 0) return;
    const submitted = performance.now();
    this.#zero ??= submitted;
    const done = this.gpu.queue.onSubmittedWorkDone().then(() => {
      const start = Math.max(submitted, this.#lastEnd);
      const end = performance.now();
      this.#lastEnd = end;
      for (const call of calls) {
        this.#times.push({ ...call, start: start - this.#zero!, ms: Math.max(0, end - start) / calls.length });
      }
      this.#pending.delete(done);
    });
    this.#pending.add(done);
  }

  async settled(settle: Settle): Promise<void> {
    await settle(Promise.all(this.#pending));
  }

  take(): CallTime[] {
    const times = this.#times;
    this.#times = [];
    return times;
  }

  dispose(): void {}
}

/** What a call is about, in a few words: a matmul's layout and sizes (m x n x k), else its sizes as params. */
export function describeCall({ matmul, params, kernel }: KernelCall): string {
  if (matmul) {
    const { layout, m, n, k, outer = 1, inner = 1, epilogue = {}, accumulate, bStorage = "f32" } = matmul;
    const after = Object.entries(epilogue).map(([name, value]) => (typeof value === "string" ? value : value ? name : ""));
    const extras = [bStorage === "f32" ? "" : bStorage, ...after, accumulate ? "accumulate" : ""];
    const batches = outer * inner > 1 ? `${outer * inner} of ` : "";
    return [`${layout} ${batches}${m} x ${n} x ${k}`, ...extras.filter(Boolean)].join(" ");
  }
  const sizes = kernel.params.filter(({ name, type }) => type === "u32" && name !== "flags" && params[name]! > 1);
  return sizes
    .slice(0, 5)
    .map(({ name }) => `${name}=${params[name]}`)
    .join(" ");
}
