import type { BackendBuffer } from "./backend.js";
import type { Device } from "./device.js";

/**
 * The scratch buffers that all programs of a run share, or memory would multiply by the number of length buckets. Buffer i is as
 * large as the largest program's slot i. When it grows, programs prepared before must bind again: `version` tells them.
 */
export class ScratchSet {
  version = 0;
  readonly #buffers: BackendBuffer[] = [];

  constructor(readonly device: Device) {}

  get bytes(): number {
    return this.#buffers.reduce((sum, buffer) => sum + buffer.bytes, 0);
  }

  /** Bytes by which the set would grow for a program with these slots. */
  growth(slots: readonly number[]): number {
    return slots.reduce((sum, bytes, slot) => sum + Math.max(0, bytes - (this.#buffers[slot]?.bytes ?? 0)), 0);
  }

  /** Makes slot i hold at least slots[i] bytes. */
  reserve(slots: readonly number[]): void {
    slots.forEach((bytes, slot) => {
      const buffer = this.#buffers[slot];
      if (buffer && buffer.bytes >= bytes) return;
      if (buffer) this.device.destroyBuffer(buffer, "activations"); // first: both together may not fit
      this.version++;
      this.#buffers[slot] = this.#create(bytes, slot, buffer?.bytes ?? 0);
    });
  }

  /** Where the device refuses, the programs that were prepared before get what they had. */
  #create(bytes: number, slot: number, before: number): BackendBuffer {
    const create = (size: number): BackendBuffer => this.device.createBuffer(size, `scratch ${slot}`, "activations");
    try {
      return create(bytes);
    } catch (error) {
      if (before > 0) this.#buffers[slot] = create(before);
      throw error;
    }
  }

  buffer(slot: number): BackendBuffer {
    return this.#buffers[slot]!;
  }

  dispose(): void {
    for (const buffer of this.#buffers) this.device.destroyBuffer(buffer, "activations");
    this.#buffers.length = 0;
    this.version++;
  }
}
