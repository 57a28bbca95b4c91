/** What device memory is used for: the rows of a memory plan. */
export const CATEGORIES = ["weights", "gradients", "optimizer", "activations", "inputs", "outputs", "cache", "engine"] as const;
export type Category = (typeof CATEGORIES)[number];

/** Counts live buffers by category, and remembers the peak. The planner's ledger: it sees what the engine asks for. */
export class MemoryLedger {
  readonly live: Record<Category, number> = Object.fromEntries(CATEGORIES.map((name) => [name, 0])) as Record<Category, number>;
  liveBytes = 0;
  liveBuffers = 0;
  peakBytes = 0;
  /** `live` as it was at the peak. */
  atPeak: Record<Category, number> = { ...this.live };

  add(category: Category, bytes: number): void {
    this.live[category] += bytes;
    this.liveBytes += bytes;
    this.liveBuffers++;
    if (this.liveBytes > this.peakBytes) {
      this.peakBytes = this.liveBytes;
      this.atPeak = { ...this.live };
    }
  }

  /** The peak counts from what is live now. */
  restartPeak(): void {
    this.peakBytes = this.liveBytes;
    this.atPeak = { ...this.live };
  }

  remove(category: Category, bytes: number): void {
    this.live[category] -= bytes;
    this.liveBytes -= bytes;
    this.liveBuffers--;
  }
}
