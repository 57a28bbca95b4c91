// What is known of calls and storages when they are made, kept for those who look at them on the device.
import type { KernelCall } from "@attune/kernels-wgsl";
import type { CallOrigin, Inspector } from "../device/probe.js";
import type { Storage } from "../device/storage.js";
import type { DType } from "../dtype.js";
import { type Shape, show } from "../shape.js";

export interface KnownCall {
  readonly storages: readonly Storage[];
  /** The op, or those whose calls were put together. */
  readonly op: string;
  /** Where that op was called: function and place, the innermost first, without the engine's own frames. */
  readonly stack: readonly string[];
}

export interface KnownTensor {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Remembers all of it weakly: what is gone needs no name. */
export class Origins implements Inspector {
  readonly #calls = new WeakMap<KernelCall, KnownCall>();
  readonly #tensors = new WeakMap<Storage, KnownTensor>();
  /** The last call that wrote a storage: a fused one is known by the calls that it stands for. */
  readonly #writers = new WeakMap<Storage, KnownCall>();

  appended(call: KernelCall, storages: readonly Storage[], origin: CallOrigin | null): void {
    const formula = call.pointwise ? ` ${call.pointwise.op}` : ""; // "unary relu"
    const known = { storages, op: `${origin?.name ?? "no op"}${formula}`, stack: userFrames(origin?.stack) };
    this.#calls.set(call, known);
    for (const storage of writtenBy(call, storages)) this.#writers.set(storage, known);
  }

  fused(call: KernelCall, storages: readonly Storage[]): void {
    const writers = writtenBy(call, storages).flatMap((storage) => this.#writers.get(storage) ?? []);
    const names = [...new Set(writers.map(({ op }) => op))];
    this.#calls.set(call, { storages, op: names.join(" + ") || "fused", stack: writers[0]?.stack ?? [] });
  }

  named(storage: Storage, shape: Shape, dtype: DType): void {
    this.#tensors.set(storage, { shape, dtype });
  }

  call(call: KernelCall): KnownCall | undefined {
    return this.#calls.get(call);
  }

  tensor(storage: Storage): KnownTensor | undefined {
    return this.#tensors.get(storage);
  }

  /** "x [2, 3]", halves with their dtype; of a storage that is no tensor its bytes. */
  describe(name: string, storage: Storage): string {
    const known = this.#tensors.get(storage);
    if (!known) return `${name} (${storage.bytes} bytes)`;
    return `${name} ${show(known.shape)}${known.dtype === "f32" ? "" : ` ${known.dtype}`}`;
  }
}

function writtenBy({ kernel }: KernelCall, storages: readonly Storage[]): Storage[] {
  return kernel.bindings.flatMap(({ access }, place) => (access === "read_write" ? [storages[place]!] : []));
}

/** Frames of a stack that are not the engine's: "T5.attention (packages/models/src/t5/t5.ts:120:7)". */
export function userFrames(stack: string | undefined): string[] {
  return (stack ?? "")
    .split("\n")
    .slice(1)
    .map((line) => line.trim().replace(/^at /, ""))
    .filter((line) => !/\/tensor\/(src|dist)\/(?!.*\.test\.)|\bnode:|node_modules/.test(line));
}

/** The functions of a stack, outermost first, and the innermost place: "T5.forward > T5.encode (t5.ts:120)"; as near to a module's path as calls come. */
export function callPath(stack: readonly string[]): string {
  const names = stack.flatMap((frame) => /^(?:async |new )?([\w$.]+)(?: \[as [^\]]*\])? \(/.exec(frame)?.[1] ?? []);
  const inner = names.filter((name) => name !== "<anonymous>" && !/^(?:Array|Map|Set)\./.test(name)).slice(0, 4);
  const place = /([^/\\(\s]+:\d+):\d+\)?$/.exec(stack[0] ?? "")?.[1];
  return [inner.reverse().join(" > "), place ? `(${place})` : ""].filter(Boolean).join(" ");
}
