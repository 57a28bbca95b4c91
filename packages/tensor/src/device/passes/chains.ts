// Element-wise calls of one count, in which a value flows from one to the next, become one generated kernel. A value that nobody
// outside the chain needs is never stored.
import { type Chain, type ChainOperand, type ChainStep, type DeviceFacts, planChain } from "@attune/kernels-wgsl";
import type { RecordedCall } from "../device.js";
import type { Storage } from "../storage.js";
import {
  type Access,
  accessOf,
  bound,
  isVisible,
  meetingPlace,
  overlap,
  type Pass,
  type PassContext,
  type Range,
  rangeOf,
  sameRange,
  usersOf,
} from "./access.js";

/** Calls looked at behind a chain for its next member. */
const WINDOW = 48;
/** Longer ones give texts that nothing else shares. */
const MOST_STEPS = 12;

/** Calls that run as one, in their order: mostly one alone. */
interface Group {
  readonly members: readonly { readonly recorded: RecordedCall; readonly index: number }[];
  readonly access: Access;
  /** Elements of each member's result; null where the call is not element-wise. */
  readonly count: number | null;
}

export const fuseChains: Pass = (calls, context) => {
  const groups: (Group | null)[] = calls.map((recorded, index) => ({
    members: [{ recorded, index }],
    access: accessOf(recorded),
    count: recorded.call.pointwise?.count ?? null,
  }));
  for (let i = 0; i < groups.length; i++) {
    let place = i;
    let between: Access[] = [];
    for (let j = i + 1; j < groups.length && j <= place + WINDOW && groups[place]?.count != null; j++) {
      const later = groups[j];
      if (!later) continue;
      const meeting = mayJoin(groups[place]!, later, context.facts)
        ? meetingPlace(groups[place]!.access, later.access, between)
        : null;
      if (meeting === null) between.push(later.access);
      else {
        const joined = join(groups[place]!, later);
        groups[place] = groups[j] = null;
        if (meeting === "later") {
          place = j;
          between = [];
        }
        groups[place] = joined;
      }
    }
  }
  const users = usersOf(calls);
  return groups.flatMap((group) => {
    if (!group) return [];
    return [group.members.length === 1 ? group.members[0]!.recorded : fused(group, users, context)];
  });
};

function join(a: Group, b: Group): Group {
  return {
    members: [...a.members, ...b.members],
    access: { reads: [...a.access.reads, ...b.access.reads], writes: [...a.access.writes, ...b.access.writes] },
    count: a.count,
  };
}

/** Both element-wise over as many elements, a value flows between them, and one dispatch can bind them. */
function mayJoin(a: Group, b: Group, facts: DeviceFacts): boolean {
  if (a.count !== b.count || a.members.length + b.members.length > MOST_STEPS) return false;
  const reads = b.members.flatMap(({ recorded }) => operandsOf(recorded));
  if (!a.access.writes.some((write) => reads.some((read) => sameRange(write, read.range)))) return false;
  const members = [...a.members, ...b.members];
  // what is written may be touched elsewhere only as the same elements: a lane knows its own quad alone
  const touched = members.flatMap(({ recorded }) => operandsOf(recorded));
  const written = members.map(({ recorded }) => rangeOf(bound(recorded, recorded.call.pointwise!.result)));
  const isApart = written.every((write) =>
    [...touched, ...written.map((range) => ({ range, reading: "each" }))].every(
      ({ range, reading }) => !overlap(write, range) || (sameRange(write, range) && reading === "each"),
    ),
  );
  return isApart && slotsOf(members.map(({ recorded }) => recorded)).length <= facts.limits.maxStorageBuffersPerShaderStage;
}

function operandsOf(recorded: RecordedCall): { range: Range; reading: string }[] {
  const { operands } = recorded.call.pointwise!;
  const extra = recorded.call.pointwise!.op === "dropout" ? [{ binding: "state", reading: "one" }] : [];
  return [...operands, ...extra].map(({ binding, reading }) => ({ range: rangeOf(bound(recorded, binding)), reading }));
}

/** Distinct ranges, in order of first use. */
function slotsOf(members: readonly RecordedCall[]): Storage[] {
  const slots: Storage[] = [];
  for (const { storages } of members) {
    for (const storage of storages) {
      if (!slots.some((slot) => sameRange(rangeOf(slot), rangeOf(storage)))) slots.push(storage);
    }
  }
  return slots;
}

function fused(group: Group, users: ReadonlyMap<Storage, readonly number[]>, context: PassContext): RecordedCall {
  const members = group.members.map(({ recorded }) => recorded);
  const inside = new Set(group.members.map(({ index }) => index));
  const all = slotsOf(members);
  const slotOf = (storage: Storage): number => all.findIndex((slot) => sameRange(rangeOf(slot), rangeOf(storage)));
  /** By slot: the step that made its present value. */
  const made = new Map<number, number>();
  const lastWriter = new Map<number, number>();
  const steps = members.map((recorded, k): ChainStep => {
    const { op, operands, result, numbers } = recorded.call.pointwise!;
    const step = {
      op,
      numbers,
      operands: operands.map(({ binding, reading, cols }): ChainOperand => {
        const slot = slotOf(bound(recorded, binding));
        const from = made.get(slot);
        return from === undefined ? { slot, reading, ...(cols === undefined ? {} : { cols }) } : { step: from };
      }),
      ...(op === "dropout" ? { state: slotOf(bound(recorded, "state")) } : {}),
    };
    const slot = slotOf(bound(recorded, result));
    made.set(slot, k);
    lastWriter.set(slot, group.members[k]!.index);
    return step;
  });
  const stores = [...made].flatMap(([slot, step]) => {
    const storage = all[slot]!;
    const isWanted =
      isVisible(storage, context) ||
      users.get(storage.root)!.some((index) => index > lastWriter.get(slot)! && !inside.has(index));
    return isWanted ? [{ slot, step }] : [];
  });
  return bindUsed({ count: group.count!, steps, stores }, all, context.facts);
}

/** Leaves out slots that are neither loaded nor stored any more, and says how the others are bound. */
function bindUsed({ count, steps, stores }: Omit<Chain, "slots">, all: readonly Storage[], facts: DeviceFacts): RecordedCall {
  const loaded = steps.flatMap(({ operands, state }) => [
    ...operands.flatMap((operand) => ("slot" in operand ? [operand.slot] : [])),
    ...(state === undefined ? [] : [state]),
  ]);
  const used = [...new Set([...loaded, ...stores.map(({ slot }) => slot)])];
  const renumbered = (slot: number): number => used.indexOf(slot);
  const storages = used.map((slot) => all[slot]!);
  // WebGPU refuses one buffer as read and read_write in a dispatch, even for ranges apart: a written root is read_write throughout
  const written = new Set(stores.map(({ slot }) => all[slot]!.root));
  const chain: Chain = {
    count,
    slots: storages.map(({ root }) => ({ access: written.has(root) ? "read_write" : "read" })),
    steps: steps.map((step) => ({
      ...step,
      operands: step.operands.map((operand) => ("slot" in operand ? { ...operand, slot: renumbered(operand.slot) } : operand)),
      ...(step.state === undefined ? {} : { state: renumbered(step.state) }),
    })),
    stores: stores.map(({ slot, step }) => ({ slot: renumbered(slot), step })),
  };
  return { call: planChain(chain, facts), storages };
}
