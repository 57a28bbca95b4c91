import type { Holder } from "../errors.js";
import type { BackendBuffer } from "./backend.js";

/** What device memory is used for: the rows of a memory plan. */
export const CATEGORIES = ["weights", "gradients", "optimizer", "activations", "inputs", "outputs", "cache", "engine"] as const;
export type Category = (typeof CATEGORIES)[number];

interface Held {
  readonly label: string;
  readonly category: Category;
}

/** Counts live bytes by category, and remembers the peak. The planner's ledger: it sees what the engine asks for. */
export class MemoryLedger {
  readonly live: Record<Category, number> = Object.fromEntries(CATEGORIES.map((name) => [name, 0])) as Record<Category, number>;
  liveBytes = 0;
  peakBytes = 0;
  /** `live` as it was at the peak. */
  atPeak: Record<Category, number> = { ...this.live };

  add(category: Category, bytes: number): void {
    this.live[category] += bytes;
    this.liveBytes += bytes;
    if (this.liveBytes > this.peakBytes) {
      this.peakBytes = this.liveBytes;
      this.atPeak = { ...this.live };
    }
  }

  /** Live buffers and whose they are. */
  readonly #held = new Map<BackendBuffer, Held>();

  /** Notes a buffer's owner: from its creation on, and again when the pool gives it to another. */
  hold(buffer: BackendBuffer, label: string, category: Category): void {
    this.#held.set(buffer, { label, category });
  }

  drop(buffer: BackendBuffer): void {
    this.#held.delete(buffer);
  }

  /** The largest holders of live memory; buffers whose labels differ in a last number alone count together. */
  largest(most = 5): Holder[] {
    const groups = new Map<string, { label: string; category: Category; bytes: number; count: number }>();
    for (const [{ bytes }, { label, category }] of this.#held) {
      const name = label.replace(/ \d+$/, "");
      const key = `${category} ${name}`;
      const group = groups.get(key) ?? { label: name, category, bytes: 0, count: 0 };
      groups.set(key, { ...group, bytes: group.bytes + bytes, count: group.count + 1 });
    }
    return [...groups.values()].sort((a, b) => b.bytes - a.bytes).slice(0, most);
  }

  /** The peak counts from what is live now. */
  restartPeak(): void {
    this.peakBytes = this.liveBytes;
    this.atPeak = { ...this.live };
  }

  remove(category: Category, bytes: number): void {
    this.live[category] -= bytes;
    this.liveBytes -= bytes;
  }
}
