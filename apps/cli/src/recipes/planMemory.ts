// What the process takes besides the device's own memory: an estimate, since Node's heap, the driver and the host's copies are not counted by
// anyone. bench/plan.ts compares it with what runs took.
import type { DeviceFacts } from "@attune/kernels-wgsl";

const MIB = 2 ** 20;
/** An adapter that is open: Dawn, the driver, its compiler. */
const ADAPTER = 70 * MIB;
/** What a run adds on the host: captured programs, compiled kernels, batches, the copy of what is being saved. */
const RUN = 95 * MIB;
/** A software adapter holds the device's memory within the process, rounds buffers up, and keeps its own copies of what is in flight. */
const SOFTWARE = 1.1;

/** @param now resident bytes with the run's data loaded; `isOpen`: with the device open, too */
export function processBytes(
  { peakDeviceBytes, facts, isOpen }: { peakDeviceBytes: number; facts: DeviceFacts; isOpen: boolean },
  now: number,
): number {
  return Math.round(now + (isOpen ? 0 : ADAPTER) + RUN + (facts.isSoftware ? SOFTWARE * peakDeviceBytes : 0));
}
