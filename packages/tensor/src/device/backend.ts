import type { DeviceFacts, KernelCall } from "@attune/kernels-wgsl";
import type { Holder } from "../errors.js";

/** A piece of device memory. The null backend's buffers are only counted. */
export interface BackendBuffer {
  readonly bytes: number;
  destroy(): void;
}

/** Where a storage lies: what a bind group entry needs. */
export interface Place {
  readonly buffer: BackendBuffer;
  readonly offset: number;
  readonly bytes: number;
  /** Of memory that only writes from outside change: how many there have been. What was made of the bytes holds while it stands. */
  readonly version?: () => number;
}

/** A program made ready for replay: pipelines and bind groups exist, running it only encodes. */
export interface PreparedProgram {
  run(): void;
  dispose(): void;
}

/**
 * What the engine asks of a device: WebGPU is one implementation (webgpu.ts), the other (null.ts) only counts, so that a whole
 * run can be planned with exact memory before anything is allocated.
 */
export interface Backend {
  readonly facts: DeviceFacts;
  /** Executes nothing: values written to it are lost, so they need not be made. */
  readonly isPaper: boolean;
  /** Who holds memory, for its errors: the device that uses it says so. */
  holders?: () => readonly Holder[];
  createBuffer(bytes: number, label: string): BackendBuffer;
  /** Takes effect after all calls dispatched before it. */
  write(place: Place, data: ArrayBufferView): void;
  /** Fills with zeros, in stream order. */
  clear(place: Place): void;
  dispatch(call: KernelCall, places: readonly Place[]): void;
  prepare(label: string, steps: readonly { call: KernelCall; places: readonly Place[] }[]): PreparedProgram;
  /** Frees what it keeps for later, and gives back the memory of what is destroyed. */
  release?(): void;
  /** Submits what is encoded. */
  flush(): void;
  /**
   * Waits until at most so many submits are on their way, so that what feeds the device neither runs far ahead of it (every upload takes
   * memory until it is used) nor keeps the event loop from turning (signals, timers). Changes nothing that is computed. @throws DeviceError
   */
  pace?(submits: number): Promise<void>;
  /** A copy of the bytes after all work so far is done. @throws DeviceError */
  read(place: Place): Promise<ArrayBuffer>;
  destroy(): void;
}
