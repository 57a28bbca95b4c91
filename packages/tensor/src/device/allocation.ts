// A buffer, or the reason why there is none. Browsers and Dawn refuse some sizes at once and tell of others later, through an error scope.
import { AllocationError, showBytes } from "../errors.js";
import type { Failures } from "./failures.js";

const SCOPES = ["validation", "out-of-memory"] as const;

/** @throws AllocationError at once, or from `failures` when the device has found out. */
export function allocate(gpu: GPUDevice, failures: Failures, descriptor: GPUBufferDescriptor & { label: string }): GPUBuffer {
  const { label, size } = descriptor;
  const refused = (message: string): AllocationError =>
    new AllocationError(`${label}: no buffer of ${showBytes(size)}: ${message}`, {
      label,
      bytes: size,
      holders: failures.holders(),
    });
  for (const filter of SCOPES) gpu.pushErrorScope(filter);
  try {
    return gpu.createBuffer(descriptor);
  } catch (error) {
    throw refused((error as Error).message);
  } finally {
    for (const _ of SCOPES) {
      gpu.popErrorScope().then(
        (error) =>
          error && failures.report(refused(`${error.message.trim()}. Use a smaller batch or length, or checkpoint(...)`)),
        () => {}, // the device is lost: gpu.lost tells
      );
    }
  }
}
