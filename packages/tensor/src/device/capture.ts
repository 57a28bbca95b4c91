import type { KernelCall } from "@attune/kernels-wgsl";
import { byteSize, type DType, type TypedArray } from "../dtype.js";
import { showBytes, TensorError } from "../errors.js";
import { type Shape, show, sizeOf } from "../shape.js";
import { Tensor } from "../tensor.js";
import type { Place, PreparedProgram } from "./backend.js";
import type { Device, RecordedCall, Recorder } from "./device.js";
import { lifetimesOf, liveSetMaximum, type Placement, place } from "./lifetimes.js";
import { uniformBytes } from "./null.js";
import { rangeOf } from "./passes/access.js";
import { type PassReport, runPasses } from "./passes/fuse.js";
import { ScratchSet } from "./scratch.js";
import type { Storage } from "./storage.js";

export interface InputSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}
export interface CaptureOptions {
  /** Put element-wise chains, matmul epilogues and norms with their residual into one call each; ATTUNE_FUSE=0 turns it off. */
  fuse?: boolean;
}
type Inputs = Readonly<Record<string, InputSpec>>;
type Outputs = Readonly<Record<string, Tensor>>;

/** What is known of a program before it runs. */
export interface ProgramPlan {
  readonly label: string;
  readonly dispatches: number;
  /** Calls as they were recorded, and what each pass took away. */
  readonly recorded: number;
  readonly passes: readonly PassReport[];
  readonly flops: number;
  /** Bytes moved by all calls, at least. */
  readonly traffic: number;
  /** Scratch that its placement takes, and the largest live set: no placement can do with less. */
  readonly scratchBytes: number;
  readonly lowerBoundBytes: number;
  readonly kernels: ReadonlyMap<string, number>;
}

/**
 * Records what `body` appends to the stream, once, and plans it: dead calls go, every intermediate gets its exact lifetime and a
 * place in the shared scratch, pipelines and bind groups are made. `run` then only writes the inputs, encodes and submits.
 *
 * Inputs are tensors of the given shapes; everything else that `body` uses (weights, ProgramState) is bound as it is. Static
 * numbers are frozen by the recording; what changes from run to run must be an input or in the ProgramState.
 */
export function capture<I extends Inputs, O extends Outputs>(
  device: Device,
  label: string,
  inputs: I,
  body: (inputs: { readonly [Name in keyof I]: Tensor }) => O,
  scratch: ScratchSet = new ScratchSet(device),
  options: CaptureOptions = {},
): Program<I, O> {
  const inputTensors = {} as { [Name in keyof I]: Tensor };
  for (const name of Object.keys(inputs) as (keyof I & string)[]) {
    const { shape, dtype } = inputs[name]!;
    const storage = device.persistent(byteSize(dtype, sizeOf(shape)), `${label}.${name}`, "inputs");
    inputTensors[name] = new Tensor(device, storage, shape, dtype);
  }
  let outputs = {} as O;
  const owned = Object.values<Tensor>(inputTensors).map((input) => input.storage);
  try {
    const recorder = device.record(() => {
      outputs = body(inputTensors);
    });
    owned.push(...recorder.owned);
    return new Program(device, label, inputTensors, outputs, recorder, scratch, options);
  } catch (error) {
    for (const storage of owned) device.release(storage);
    throw error;
  }
}

export class Program<I extends Inputs, O extends Outputs> {
  readonly plan: ProgramPlan;
  readonly #calls: readonly RecordedCall[];
  readonly #placement: Placement;
  readonly #owned: Storage[];
  readonly #outputRoots: Storage[] = [];
  readonly #pinned: Storage[] = [];
  /** What its calls write of memory that outlives it, and the roots of that. */
  readonly #written: readonly Storage[];
  readonly #changes: ReadonlySet<Storage>;
  /** Where everything lies that is not in the scratch, by root. */
  readonly #places = new Map<Storage, Place>();
  #prepared: PreparedProgram | null = null;
  #preparedVersion = -1;
  #uniforms = 0;

  constructor(
    readonly device: Device,
    readonly label: string,
    readonly inputs: { readonly [Name in keyof I]: Tensor },
    readonly outputs: O,
    recorder: Recorder,
    readonly scratch: ScratchSet,
    { fuse = device.fuses }: CaptureOptions = {},
  ) {
    const outputRoots = new Set(Object.values(outputs).map((tensor) => tensor.storage.root));
    this.#owned = [...Object.values(inputs as Record<string, Tensor>).map((input) => input.storage), ...recorder.owned];
    const context = { outputs: outputRoots, facts: device.facts, empty: device.empty };
    const { calls, passes } = runPasses(recorder.calls, context, fuse);
    this.#calls = calls;
    const appended = new Set(recorder.calls);
    for (const fused of calls) {
      if (appended.has(fused)) continue;
      device.onCall?.(fused.call);
      device.inspector?.fused(fused.call, fused.storages);
    }
    const lifetimes = lifetimesOf(this.#calls, outputRoots);
    this.#placement = place(lifetimes);
    this.plan = planOf(
      label,
      this.#calls.map(({ call }) => call),
      this.#placement,
      liveSetMaximum(lifetimes),
      recorder.calls.length,
      passes,
    );
    const made = [...outputRoots].filter((root) => !root.isPlaced); // not an input or a weight, returned as it is
    for (const root of made) root.becomeOutput();
    this.#written = [...new Set(calls.flatMap(writtenBy))].filter(({ root }) => root.isPersistent);
    this.#changes = new Set(this.#written.map(({ root }) => root));
    const textures = calls.map(({ call, storages }) => ({ call, places: storages.map((storage) => this.#constant(storage)) }));
    const uniforms = uniformBytes(this.calls, device.facts);
    const outputBytes = made.reduce((sum, root) => sum + root.bytes, 0);
    const { scratchBytes, lowerBoundBytes } = this.plan;
    device.requireRoom(
      scratch.growth(this.#placement.slots) + uniforms + outputBytes + device.textureBytes(textures),
      `capture of ${label}`,
      `a program with ${showBytes(scratchBytes)} of scratch (${showBytes(lowerBoundBytes)} live at once)`,
    );
    try {
      this.#allocate(made);
      device.takeTextures(textures);
      this.#prepare();
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  #allocate(outputs: readonly Storage[]): void {
    for (const root of outputs) {
      root.put(this.device.createBuffer(root.bytes, `${this.label} output`, "outputs"));
      this.#outputRoots.push(root);
    }
    this.scratch.reserve(this.#placement.slots);
    const bound = new Set(this.#calls.flatMap(({ storages }) => storages.map(({ root }) => root)));
    for (const root of bound) {
      if (!root.isPlaced) continue;
      this.#places.set(root, root.place());
      // a scope may end, or a weight be disposed of, while this program still binds it
      if (this.#outputRoots.includes(root)) continue;
      root.pin();
      this.#pinned.push(root);
    }
  }

  /** The calls as they will run: kernel lists, profiles. */
  get calls(): readonly KernelCall[] {
    return this.#calls.map(({ call }) => call);
  }

  /** Writes the given inputs (others keep their values), encodes and submits. Does not wait. */
  run(values: { readonly [Name in keyof I]?: TypedArray } = {}): void {
    for (const [name, array] of Object.entries(values) as [string, TypedArray][]) {
      const input = this.inputs[name];
      if (!input) throw new TensorError(`${this.label}: no input named ${name}; it has ${Object.keys(this.inputs).join(", ")}`);
      if (array.length !== input.size) {
        throw new TensorError(
          `${this.label}: input ${name} ${show(input.shape)} needs ${input.size} values, got ${array.length}`,
        );
      }
      input.write(array);
    }
    if (this.#preparedVersion !== this.scratch.version) this.#prepare();
    this.#prepared!.run();
    for (const storage of this.#written) storage.wasWritten();
  }

  /** Reads one output of the latest run. */
  async read(name: keyof O & string): Promise<TypedArray> {
    const output = this.outputs[name];
    if (!output) throw new TensorError(`${this.label}: no output named ${name}`);
    return output.toArray();
  }

  dispose(): void {
    this.#unprepare();
    for (const root of this.#pinned) this.device.unpin(root);
    for (const storage of this.#owned) this.device.release(storage);
    for (const root of this.#outputRoots) {
      const buffer = root.free("when its program was disposed of");
      if (buffer) this.device.destroyBuffer(buffer, "outputs");
    }
  }

  #prepare(): void {
    this.#unprepare();
    const steps = this.#calls.map(({ call, storages }) => ({ call, places: storages.map((storage) => this.#place(storage)) }));
    this.#uniforms = uniformBytes(this.calls, this.device.facts);
    this.#prepared = this.device.backend.prepare(this.label, steps);
    this.device.memory.add("engine", this.#uniforms);
    this.#preparedVersion = this.scratch.version;
  }

  #unprepare(): void {
    if (!this.#prepared) return;
    this.device.memory.remove("engine", this.#uniforms);
    this.#prepared.dispose();
    this.#prepared = null;
  }

  /** The place of memory that no call of this program writes; null for all else. */
  #constant(storage: Storage): Place | null {
    const { root } = storage;
    return root.isPersistent && root.isPlaced && !this.#changes.has(root) ? storage.place() : null;
  }

  #place(storage: Storage): Place {
    const { root } = storage;
    const slot = this.#placement.slotOf.get(root);
    const buffer = slot === undefined ? this.#places.get(root)!.buffer : this.scratch.buffer(slot);
    const place = { buffer, offset: rangeOf(storage).begin, bytes: storage.bytes };
    return root.isPersistent && !this.#changes.has(root) ? { ...place, version: () => storage.version } : place;
  }
}

function writtenBy({ call, storages }: RecordedCall): Storage[] {
  return storages.filter((_, place) => call.kernel.bindings[place]!.access !== "read");
}

function planOf(
  label: string,
  calls: readonly KernelCall[],
  placement: Placement,
  lowerBoundBytes: number,
  recorded: number,
  passes: readonly PassReport[],
): ProgramPlan {
  const kernels = new Map<string, number>();
  for (const { kernel } of calls) kernels.set(kernel.name, (kernels.get(kernel.name) ?? 0) + 1);
  return {
    label,
    dispatches: calls.length,
    recorded,
    passes,
    flops: calls.reduce((sum, call) => sum + call.flops, 0),
    traffic: calls.reduce((sum, call) => sum + call.bytes, 0),
    scratchBytes: placement.slots.reduce((sum, bytes) => sum + bytes, 0),
    lowerBoundBytes,
    kernels,
  };
}
