// What calls read and write, and when two of them may change places. All passes move calls by these rules and no others.
import type { DeviceFacts } from "@attune/kernels-wgsl";
import type { RecordedCall } from "../device.js";
import type { Storage } from "../storage.js";

/** A pass: calls in, calls out, the same results. `outputs` are the roots that someone reads afterwards. */
export type Pass = (calls: readonly RecordedCall[], context: PassContext) => RecordedCall[];
export interface PassContext {
  readonly outputs: ReadonlySet<Storage>;
  readonly facts: DeviceFacts;
  /** What a binding that a kernel does not read is bound to. */
  readonly empty: Storage;
}

/** A range of a buffer to be. Slices of one arena overlap only where their ranges do. */
export interface Range {
  readonly root: Storage;
  readonly begin: number;
  readonly end: number;
}

export interface Access {
  readonly reads: readonly Range[];
  /** A read_write binding counts as read, too: it may add to what is there. */
  readonly writes: readonly Range[];
}

export function rangeOf(storage: Storage): Range {
  let begin = 0;
  for (let part: Storage = storage; part.parent; part = part.parent) begin += part.offset;
  return { root: storage.root, begin, end: begin + storage.bytes };
}

const accesses = new WeakMap<RecordedCall, Access>();

export function accessOf(recorded: RecordedCall): Access {
  const known = accesses.get(recorded);
  if (known) return known;
  const { call, storages } = recorded;
  const ranges = storages.map(rangeOf);
  const made = { reads: ranges, writes: ranges.filter((_, place) => call.kernel.bindings[place]!.access === "read_write") };
  accesses.set(recorded, made);
  return made;
}

export function overlap(a: Range, b: Range): boolean {
  return a.root === b.root && a.begin < b.end && b.begin < a.end;
}

export function sameRange(a: Range, b: Range): boolean {
  return a.root === b.root && a.begin === b.begin && a.end === b.end;
}

/** Whether two calls may not change places: one writes what the other touches. */
export function conflict(a: Access, b: Access): boolean {
  const touches = (writes: readonly Range[], reads: readonly Range[]): boolean =>
    writes.some((write) => reads.some((read) => overlap(write, read)));
  return touches(a.writes, b.reads) || touches(b.writes, a.reads);
}

/** The storage bound under a name of the kernel. */
export function bound({ call, storages }: RecordedCall, name: string): Storage {
  return storages[call.kernel.bindings.findIndex((binding) => binding.name === name)]!;
}

/** By root: the places in the list of calls that touch it, ascending. */
export function usersOf(calls: readonly RecordedCall[]): ReadonlyMap<Storage, readonly number[]> {
  const users = new Map<Storage, number[]>();
  calls.forEach(({ storages }, index) => {
    for (const root of new Set(storages.map((storage) => storage.root))) {
      const known = users.get(root);
      if (known) known.push(index);
      else users.set(root, [index]);
    }
  });
  return users;
}

/** Whether memory outlives the program's own calls: a weight, a gradient, an input, an output. */
export function isVisible(storage: Storage, { outputs }: PassContext): boolean {
  return storage.isPlaced || outputs.has(storage.root);
}

/**
 * Where two calls can become one: at the earlier place if the later call may move there, at the later one if the earlier may, else
 * nowhere (null). `between` are the accesses of the calls that stand between them.
 */
export function meetingPlace(earlier: Access, later: Access, between: readonly Access[]): "earlier" | "later" | null {
  if (!between.some((access) => conflict(access, later))) return "earlier";
  return between.some((access) => conflict(access, earlier)) ? null : "later";
}
