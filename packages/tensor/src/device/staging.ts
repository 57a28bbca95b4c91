/** Larger ones are of reads that come seldom (weights for a checkpoint), and would hold much memory for them. */
const MOST_KEPT_BYTES = 64 * 1024;
/** Reads of one size class that are under way at the same time. */
const MOST_OF_CLASS = 4;

/** Buffers that read-backs are mapped from. Small ones are kept: a loss that is read every few steps makes nothing on the device. */
export class StagingBuffers {
  readonly #kept = new Map<number, GPUBuffer[]>();

  constructor(private readonly make: (bytes: number) => GPUBuffer) {}

  /** At least so many bytes. @throws AllocationError */
  take(bytes: number): GPUBuffer {
    const size = bytes > MOST_KEPT_BYTES ? bytes : Math.max(256, 2 ** Math.ceil(Math.log2(bytes)));
    return this.#kept.get(size)?.pop() ?? this.make(size);
  }

  /** Of a read that is done: unmapped, for the next. */
  give(buffer: GPUBuffer): void {
    const kept = this.#kept.get(buffer.size) ?? [];
    if (buffer.size > MOST_KEPT_BYTES || kept.length >= MOST_OF_CLASS) {
      buffer.destroy();
      return;
    }
    buffer.unmap();
    kept.push(buffer);
    this.#kept.set(buffer.size, kept);
  }

  /** Frees all that no read uses. */
  drop(): void {
    for (const buffers of this.#kept.values()) for (const buffer of buffers) buffer.destroy();
    this.#kept.clear();
  }
}
