// A call that another has made already: q, k and v pack the same operand, every layer asks for the same masks and the same bias.
import type { RecordedCall } from "../device.js";
import type { Storage } from "../storage.js";
import { accessOf, isVisible, overlap, type Pass, type Range, rangeOf } from "./access.js";

/**
 * Drops a call with the kernel, params and operands of an earlier one, and has its readers read the earlier result. Both results must be
 * the program's own, written by one call each, and no operand may change between the two.
 */
export const dropRepeats: Pass = (calls, context) => {
  const writers = new Map<Storage, number>();
  for (const call of calls) for (const { root } of accessOf(call).writes) writers.set(root, (writers.get(root) ?? 0) + 1);
  const ids = new Map<Storage, number>();
  const idOf = (root: Storage): number => {
    const known = ids.get(root) ?? ids.size;
    ids.set(root, known);
    return known;
  };
  const made = new Map<string, { call: RecordedCall; index: number }>();
  const instead = new Map<Storage, Storage>();
  const kept: RecordedCall[] = [];
  for (const recorded of calls) {
    const call = redirected(recorded, instead);
    const result = ownResult(call, (storage) => !isVisible(storage, context) && writers.get(storage.root) === 1);
    const key = result && keyOf(call, idOf);
    const earlier = key === null ? undefined : made.get(key);
    if (earlier && !isChanged(kept, earlier.index, operandsOf(call, result!))) {
      instead.set(result!, ownResult(earlier.call, () => true)!);
      continue;
    }
    if (key !== null) made.set(key, { call, index: kept.length });
    kept.push(call);
  }
  return kept;
};

/** The one storage that a call writes, if it writes all of it and nobody else does. */
function ownResult({ call, storages }: RecordedCall, isOwn: (storage: Storage) => boolean): Storage | null {
  const written = storages.filter((_, place) => call.kernel.bindings[place]!.access === "read_write");
  const [only] = written;
  return written.length === 1 && only && only.root === only && isOwn(only) ? only : null;
}

function keyOf({ call, storages, epoch = 0 }: RecordedCall, idOf: (root: Storage) => number): string {
  const operands = storages.flatMap((storage, place) => {
    const { access } = call.kernel.bindings[place]!;
    if (access === "read_write") return [`w${storage.bytes}`];
    const { root, begin, end } = rangeOf(storage);
    return [`${idOf(root)}:${begin}:${end}`];
  });
  // by hand: JSON has no NaN, no infinities and no -0
  const params = Object.entries(call.params).map(([name, value]) => `${name}=${Object.is(value, -0) ? "-0" : value}`);
  return JSON.stringify([epoch, call.kernel.name, call.variant, call.replaceUses ?? {}, params, call.workgroups, operands]);
}

function operandsOf(recorded: RecordedCall, result: Storage): Range[] {
  return accessOf(recorded).reads.filter(({ root }) => root !== result);
}

function isChanged(kept: readonly RecordedCall[], since: number, operands: readonly Range[]): boolean {
  return kept
    .slice(since + 1)
    .some((call) => accessOf(call).writes.some((write) => operands.some((operand) => overlap(write, operand))));
}

function redirected(recorded: RecordedCall, instead: ReadonlyMap<Storage, Storage>): RecordedCall {
  if (!recorded.storages.some(({ root }) => instead.has(root))) return recorded;
  const storages = recorded.storages.map((storage) => {
    const other = instead.get(storage.root);
    if (!other) return storage;
    return storage.parent ? other.slice(rangeOf(storage).begin, storage.bytes, storage.label) : other;
  });
  return { ...recorded, storages };
}
