import type { KernelCall } from "@attune/kernels-wgsl";
import type { DType } from "../dtype.js";
import type { Shape } from "../shape.js";
import type { Place } from "./backend.js";
import type { Storage } from "./storage.js";

/** Whose a call is: an op, and the stack where the op was called (of a backward: where its forward was). */
export interface CallOrigin {
  readonly name: string;
  readonly stack?: string;
}

/** Learns what calls and storages are, when they are made: a probe sees them later, and only as calls and places. */
export interface Inspector {
  appended(call: KernelCall, storages: readonly Storage[], origin: CallOrigin | null): void;
  /** A pass made this call of others. */
  fused(call: KernelCall, storages: readonly Storage[]): void;
  /** A tensor lies in this storage. */
  named(storage: Storage, shape: Shape, dtype: DType): void;
}

/** One call on its way to the device, its storages placed in the kernel's order. */
export interface ProbedCall {
  readonly call: KernelCall;
  readonly places: readonly Place[];
}

/** Awaits the device, but not for ever (Failures.settled). */
export type Settle = (promise: Promise<unknown>) => Promise<void>;

export type EncodePass = (pass?: GPUComputePassDescriptor) => void;

/**
 * Looks at every call of a WebGPU backend, eager or replayed, each encoded as a pass of its own: profiles and ATTUNE_DEBUG (debug/).
 * A backend without one pays nothing for it.
 */
export interface CallProbe {
  /** Each call goes to the device alone, so that the queue tells when it is done: devices without timestamps. */
  readonly submitsEachCall: boolean;
  /** Encodes one call: what goes in front of it, its copies into textures (if it has any), `encode`, and what goes behind it. */
  around(encoder: GPUCommandEncoder, probed: ProbedCall, encode: EncodePass, copy: (() => void) | null): void;
  /** The commands are complete, but for what this appends. */
  submitting(encoder: GPUCommandEncoder): void;
  submitted(): void;
  /** A read-back came, so the device has done all that was submitted. @throws what the probe found, and what `settle` throws */
  settled(settle: Settle): Promise<void>;
}
