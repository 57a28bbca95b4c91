import { type DeviceFacts, paramBytes } from "@attune/kernels-wgsl";
import { alignTo } from "./align.js";
import type { Backend, BackendBuffer } from "./backend.js";

/** A backend that executes nothing: a run planned on it allocates, on paper, exactly what the same run would on a device. */
export function nullBackend(facts: DeviceFacts): Backend {
  const createBuffer = (bytes: number): BackendBuffer => ({ bytes, destroy() {} });
  return {
    facts,
    isPaper: true,
    createBuffer,
    write() {},
    clear() {},
    dispatch() {},
    prepare: () => ({ run() {}, dispose() {} }),
    flush() {},
    read: async (place) => new ArrayBuffer(place.bytes),
    destroy() {},
  };
}

/** Bytes of a program's uniform buffer: every call's params at an aligned place. */
export function uniformBytes(calls: readonly { kernel: Parameters<typeof paramBytes>[0] }[], facts: DeviceFacts): number {
  const alignment = facts.limits.minUniformBufferOffsetAlignment;
  return Math.max(
    16,
    calls.reduce((sum, call) => sum + alignTo(paramBytes(call.kernel), alignment), 0),
  );
}
