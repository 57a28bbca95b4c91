// A buffer or texture, or the reason why there is none. Browsers and Dawn refuse some sizes at once and tell of others later, through an
// error scope.
import { AllocationError, showBytes } from "../errors.js";
import type { Failures } from "./failures.js";

const SCOPES = ["validation", "out-of-memory"] as const;

/** What is asked for: `size` in bytes. */
export interface Asked {
  readonly label: string;
  readonly size: number;
  readonly what: "buffer" | "texture";
}

/**
 * What `make` gives.
 * @param onRefused called before the error is thrown or reported
 * @throws AllocationError at once, or from `failures` when the device has found out.
 */
export function refusable<T>(gpu: GPUDevice, failures: Failures, asked: Asked, make: () => T, onRefused = () => {}): T {
  const { label, size, what } = asked;
  const refused = (message: string): AllocationError => {
    onRefused();
    const text = `${label}: no ${what} of ${showBytes(size)}: ${message}`;
    return new AllocationError(text, { label, bytes: size, holders: failures.holders() });
  };
  for (const filter of SCOPES) gpu.pushErrorScope(filter);
  try {
    return make();
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
