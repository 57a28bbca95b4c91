// The walk that passes over pairs share: a call, a later one that uses what it wrote, and one call in place of both.
import type { KernelCall } from "@attune/kernels-wgsl";
import type { RecordedCall } from "../device.js";
import type { Storage } from "../storage.js";
import { accessOf, meetingPlace, overlap, rangeOf } from "./access.js";

/** Calls looked at behind one for its partner. */
const WINDOW = 48;

export interface Pair {
  readonly earlier: RecordedCall;
  readonly later: RecordedCall;
  /** How many calls of the program as it stands touch this memory. */
  users(storage: Storage): number;
}

export interface PairRule {
  /** Whether a call may be the earlier or the later one: a look at the call alone, since most are neither. */
  readonly begins: (call: KernelCall) => boolean;
  readonly ends: (call: KernelCall) => boolean;
  /** The call that does the work of both and its storages by name, or null where they do not fit. */
  readonly merge: (pair: Pair) => { call: KernelCall; storages: Readonly<Record<string, Storage | null>> } | null;
}

/** Replaces pairs by what `merge` makes of them, again and again for the call that comes out. Order of effects stays. */
export function fusePairs(calls: readonly RecordedCall[], empty: Storage, { begins, ends, merge }: PairRule): RecordedCall[] {
  const current: (RecordedCall | null)[] = [...calls];
  const counts = new Map<Storage, number>();
  const count = ({ storages }: RecordedCall, by: 1 | -1): void => {
    for (const root of new Set(storages.map((storage) => storage.root))) counts.set(root, (counts.get(root) ?? 0) + by);
  };
  for (const call of calls) count(call, 1);
  const users = (storage: Storage): number => counts.get(storage.root) ?? 0;

  for (let i = 0; i < current.length; i++) {
    if (!current[i]) continue;
    let place = i;
    for (let j = i + 1; j < current.length && j <= place + WINDOW && begins(current[place]!.call); j++) {
      const [earlier, later] = [current[place]!, current[j]];
      if (!later || !ends(later.call) || !flows(earlier, later)) continue;
      const joined = joinedBy(merge, { earlier, later, users }, empty);
      const between = current.slice(place + 1, j).flatMap((call) => (call ? [accessOf(call)] : []));
      const meeting = joined ? meetingPlace(accessOf(earlier), accessOf(later), between) : null;
      if (!joined || meeting === null) continue;
      count(earlier, -1);
      count(later, -1);
      count(joined, 1);
      current[place] = current[j] = null;
      if (meeting === "later") place = j;
      current[place] = joined;
    }
  }
  return current.filter((call) => call !== null);
}

/** Whether the later call reads memory that the earlier one wrote. */
function flows(earlier: RecordedCall, later: RecordedCall): boolean {
  const written = accessOf(earlier).writes;
  return accessOf(later).reads.some((read) => written.some((write) => overlap(write, read)));
}

function joinedBy(merge: PairRule["merge"], pair: Pair, empty: Storage): RecordedCall | null {
  const made = merge(pair);
  if (!made) return null;
  const { call } = made;
  const storages = call.kernel.bindings.map(({ name }) => made.storages[name] ?? empty);
  const isWritten = call.kernel.bindings.map(({ access }) => access === "read_write");
  // one buffer as read and read_write is refused, even for ranges apart; two written ranges must be apart
  const clashes = storages.some((a, i) =>
    storages.some((b, j) => i !== j && isWritten[i] && (isWritten[j] ? overlap(rangeOf(a), rangeOf(b)) : a.root === b.root)),
  );
  return clashes ? null : { call, storages };
}
