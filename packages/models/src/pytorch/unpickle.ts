// The part of Python's pickle that a state dict is made of, and nothing else. A pickle is a program: it may name any function of any
// module and call it. This interpreter imports nothing and calls nothing; it knows the few opcodes that torch.save writes and a table
// of names with a meaning here (pickletools in Python's library describes the opcodes, torch/serialization.py what is written).

import { printable } from "../errors.js";
import { ALLOWED, CALLS, storageOf } from "./pickleGlobals.js";
import { isA, type Mark, type Named, type PickleValue } from "./pickleValues.js";

export interface Unpickled {
  value: PickleValue;
  /** The byte after the program's end. */
  end: number;
}

/** Thrown for what is not allowed or damaged; the message says what and at which byte. */
export class PickleError extends Error {}
/** Thrown where the bytes end before the program does: more may follow in the file. */
export class PickleEnd extends PickleError {}

/** Opcodes that are refused, by name: what they would do is what makes pickles dangerous. */
const REFUSED: Readonly<Record<number, string>> = {
  105: "INST",
  111: "OBJ",
  129: "NEWOBJ",
  146: "NEWOBJ_EX",
  130: "EXT1",
  131: "EXT2",
  132: "EXT4",
  80: "PERSID",
  150: "BYTEARRAY8",
  151: "NEXT_BUFFER",
  152: "READONLY_BUFFER",
};
/** A tensor takes about 40 opcodes, so this is beyond 100,000 of them. */
const MAX_OPCODES = 5_000_000;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Runs the pickle that begins at byte `begin`. Throws PickleError, which names the opcode or global that is not allowed and its byte.
 */
export function unpickle(bytes: Uint8Array, begin = 0): Unpickled {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: (PickleValue | Mark)[] = [];
  const memo = new Map<number, PickleValue>();
  let at = begin;
  let opcodeAt = begin;

  const fail = (what: string): never => {
    throw new PickleError(`${what}, at byte ${opcodeAt} of its pickle`);
  };
  /** Moves on by `count` bytes and says where they begin. */
  const take = (count: number): number => {
    if (count > bytes.length - at) throw new PickleEnd(`the pickle ends within an opcode at byte ${opcodeAt}`);
    at += count;
    return at - count;
  };
  const text = (count: number): string => {
    const from = take(count);
    try {
      return UTF8.decode(bytes.subarray(from, from + count));
    } catch {
      return fail("text that is not UTF-8");
    }
  };
  const line = (): string => {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) throw new PickleEnd(`the pickle ends within an opcode at byte ${opcodeAt}`);
    const found = text(end - at);
    at = end + 1;
    return found;
  };
  const pop = (): PickleValue => {
    const value = stack.pop();
    if (value === undefined || isMark(value)) return fail("a value is taken from an empty stack");
    return value;
  };
  const popToMark = (): PickleValue[] => {
    const mark = stack.findLastIndex(isMark);
    if (mark < 0) fail("a mark is missing");
    return stack.splice(mark).slice(1) as PickleValue[];
  };
  const top = <K extends "dict" | "list">(kind: K): Extract<PickleValue, { kind: K }> => {
    const value = stack.at(-1);
    return isA(value, kind) ? (value as Extract<PickleValue, { kind: K }>) : fail(`something is added to what is no ${kind}`);
  };
  const setItems = (items: readonly PickleValue[]): void => {
    const { entries } = top("dict");
    if (items.length % 2) fail("a key without a value");
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]!;
      if (typeof key !== "string" && typeof key !== "number") fail("a key that is neither text nor a number");
      entries.set(key as string | number, items[i + 1]!);
    }
  };
  const global = (module: string, name: string): Named => {
    const full = `${module}.${name}`;
    if (!ALLOWED.has(full)) fail(`names ${printable(full, 120)}, which no state dict needs (it would run code; nothing was run)`);
    return { kind: "global", name: full };
  };
  const remember = (index: number): void => {
    const value = stack.at(-1);
    if (value === undefined || isMark(value)) fail("nothing is there to remember");
    memo.set(index, value as PickleValue);
  };
  const recall = (index: number): void => {
    const value = memo.get(index);
    stack.push(value === undefined ? fail(`value ${index} was never remembered`) : value);
  };
  const tuple = (items: PickleValue[]): void => void stack.push({ kind: "tuple", items });

  for (let count = 0; count < MAX_OPCODES; count++) {
    opcodeAt = at;
    const opcode = bytes[take(1)]!;
    switch (opcode) {
      case 0x80: {
        const version = bytes[take(1)]!;
        if (version > 5) fail(`pickle protocol ${version}; known are 0 to 5`);
        break;
      }
      case 0x95: // FRAME
        take(8);
        break;
      case 0x2e: // STOP
        return { value: pop(), end: at };
      case 0x28: // MARK
        stack.push({ kind: "mark" });
        break;
      case 0x30: // POP
        if (stack.pop() === undefined) fail("a value is taken from an empty stack");
        break;
      case 0x4e: // NONE
        stack.push(null);
        break;
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        stack.push(opcode === 0x88);
        break;
      case 0x4b: // BININT1
        stack.push(bytes[take(1)]!);
        break;
      case 0x4d: // BININT2
        stack.push(view.getUint16(take(2), true));
        break;
      case 0x4a: // BININT
        stack.push(view.getInt32(take(4), true));
        break;
      case 0x8a: // LONG1
        stack.push(longOf(bytes, take(1), take));
        break;
      case 0x47: // BINFLOAT
        stack.push(view.getFloat64(take(8), false));
        break;
      case 0x8c: // SHORT_BINUNICODE
        stack.push(text(bytes[take(1)]!));
        break;
      case 0x58: // BINUNICODE
        stack.push(text(view.getUint32(take(4), true)));
        break;
      case 0x29: // EMPTY_TUPLE
        tuple([]);
        break;
      case 0x85: // TUPLE1
        tuple([pop()]);
        break;
      case 0x86: // TUPLE2
        tuple([pop(), pop()].reverse());
        break;
      case 0x87: // TUPLE3
        tuple([pop(), pop(), pop()].reverse());
        break;
      case 0x74: // TUPLE
        tuple(popToMark());
        break;
      case 0x5d: // EMPTY_LIST
        stack.push({ kind: "list", items: [] });
        break;
      case 0x61: {
        const item = pop(); // APPEND
        top("list").items.push(item);
        break;
      }
      case 0x65: {
        const items = popToMark(); // APPENDS
        const list = top("list").items;
        for (const item of items) list.push(item);
        break;
      }
      case 0x7d: // EMPTY_DICT
        stack.push({ kind: "dict", entries: new Map() });
        break;
      case 0x73: // SETITEM
        setItems([pop(), pop()].reverse());
        break;
      case 0x75: // SETITEMS
        setItems(popToMark());
        break;
      case 0x71: // BINPUT
        remember(bytes[take(1)]!);
        break;
      case 0x72: // LONG_BINPUT
        remember(view.getUint32(take(4), true));
        break;
      case 0x94: // MEMOIZE
        remember(memo.size);
        break;
      case 0x68: // BINGET
        recall(bytes[take(1)]!);
        break;
      case 0x6a: // LONG_BINGET
        recall(view.getUint32(take(4), true));
        break;
      case 0x63: // GLOBAL
        stack.push(global(line(), line()));
        break;
      case 0x93: {
        const [name, module] = [pop(), pop()]; // STACK_GLOBAL
        stack.push(
          typeof name === "string" && typeof module === "string" ? global(module, name) : fail("a global without a name"),
        );
        break;
      }
      case 0x52: {
        const [args, callee] = [pop(), pop()]; // REDUCE
        const call = isA(callee, "global") && Object.hasOwn(CALLS, callee.name) ? CALLS[callee.name] : undefined;
        if (!call) return fail(`calls ${isA(callee, "global") ? callee.name : "something"}, which is no function`);
        stack.push(isA(args, "tuple") ? call(args.items, fail) : fail("a call without arguments"));
        break;
      }
      case 0x62: {
        pop(); // BUILD: what torch keeps beside a state dict (_metadata: versions of layers) has no meaning here
        if (!isA(stack.at(-1), "dict")) fail("the state of something that is no dictionary is set");
        break;
      }
      case 0x51: // BINPERSID
        stack.push(storageOf(pop(), fail));
        break;
      default: {
        const name = REFUSED[opcode];
        fail(
          `opcode 0x${opcode.toString(16).padStart(2, "0")}${name ? ` (${name})` : ""}, which no state dict needs (nothing was run)`,
        );
      }
    }
  }
  return fail(`more than ${MAX_OPCODES} opcodes`);
}

/** A little-endian two's complement integer of at most 8 bytes as a number where it fits, else a BigInt. */
function longOf(bytes: Uint8Array, lengthAt: number, take: (count: number) => number): number | bigint {
  const length = bytes[lengthAt]!;
  const from = take(length);
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[from + i]!);
  if (length > 0 && bytes[from + length - 1]! & 0x80) value -= 1n << BigInt(8 * length);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function isMark(value: PickleValue | Mark): value is Mark {
  return isA(value, "mark");
}
