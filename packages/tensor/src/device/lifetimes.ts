import type { RecordedCall } from "./device.js";
import type { Storage } from "./storage.js";

/** A virtual storage of a program: its size, and the first and last call that touch it. */
export interface Lifetime {
  readonly storage: Storage;
  readonly begin: number;
  readonly end: number;
}

/** Drops calls whose results nothing reads: neither a later live call, nor an output, nor memory from outside. */
export function removeDeadCalls(calls: readonly RecordedCall[], outputs: ReadonlySet<Storage>): RecordedCall[] {
  const needed = new Set(outputs);
  const live: RecordedCall[] = [];
  for (let i = calls.length - 1; i >= 0; i--) {
    const { call, storages } = calls[i]!;
    const writes = storages.filter((_, place) => call.kernel.bindings[place]!.access === "read_write");
    if (!writes.some((storage) => storage.isPlaced || needed.has(storage.root))) continue;
    for (const storage of storages) needed.add(storage.root); // a read_write one too: it may hold an earlier sum
    live.push(calls[i]!);
  }
  return live.reverse();
}

/** Lifetimes of everything that is neither placed already nor an output, in order of first use. */
export function lifetimesOf(calls: readonly RecordedCall[], outputs: ReadonlySet<Storage>): Lifetime[] {
  const found = new Map<Storage, { begin: number; end: number }>();
  calls.forEach(({ storages }, index) => {
    for (const { root } of storages) {
      if (root.isPlaced || outputs.has(root)) continue;
      const known = found.get(root);
      if (known) known.end = index;
      else found.set(root, { begin: index, end: index });
    }
  });
  return [...found].map(([storage, { begin, end }]) => ({ storage, begin, end }));
}

/** Bytes of the largest set alive at once: no placement can do with less. */
export function liveSetMaximum(lifetimes: readonly Lifetime[]): number {
  const changes: [number, number][] = lifetimes.flatMap(({ storage, begin, end }): [number, number][] => [
    [begin, storage.bytes],
    [end + 1, -storage.bytes],
  ]);
  changes.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  let live = 0;
  let most = 0;
  for (const [, bytes] of changes) {
    live += bytes;
    most = Math.max(most, live);
  }
  return most;
}

export interface Placement {
  /** Bytes of each shared buffer, largest first. */
  readonly slots: readonly number[];
  readonly slotOf: ReadonlyMap<Storage, number>;
}

/**
 * Gives every storage one of few shared buffers, greedy by size (Pisarchyk & Lee 2020, arXiv 2001.03288, shared objects): the
 * largest first, each into the first buffer that is free during its whole life. Two storages alive at once never share a buffer,
 * since WebGPU refuses one buffer as read and read_write in a dispatch, even for disjoint ranges.
 */
export function place(lifetimes: readonly Lifetime[]): Placement {
  const order = lifetimes.map((lifetime, index) => ({ lifetime, index }));
  order.sort((a, b) => b.lifetime.storage.bytes - a.lifetime.storage.bytes || a.index - b.index);
  const slots: { bytes: number; taken: Lifetime[] }[] = [];
  const slotOf = new Map<Storage, number>();
  for (const { lifetime } of order) {
    const overlaps = (other: Lifetime): boolean => other.begin <= lifetime.end && lifetime.begin <= other.end;
    let slot = slots.findIndex(({ taken }) => !taken.some(overlaps));
    if (slot < 0) slot = slots.push({ bytes: lifetime.storage.bytes, taken: [] }) - 1;
    slots[slot]!.taken.push(lifetime);
    slotOf.set(lifetime.storage, slot);
  }
  return { slots: slots.map(({ bytes }) => bytes), slotOf };
}
