import type { DeviceFacts, KernelCall } from "@attune/kernels-wgsl";
import { AllocationError, MemoryBudgetError, showBytes, TensorError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import type { Backend, BackendBuffer, Place } from "./backend.js";
import { fittingCalls } from "./fit.js";
import { type Category, MemoryLedger } from "./memory.js";
import type { CallOrigin, Inspector } from "./probe.js";
import { Storage } from "./storage.js";
import { wantedTextures } from "./textures.js";

/** One recorded call and the storages bound to it, in the kernel's order. */
export interface RecordedCall {
  /** Calls of one epoch may stand for one another; those of a checkpoint's second run may not, or nothing would be freed. */
  readonly epoch?: number;
  readonly call: KernelCall;
  readonly storages: readonly Storage[];
}

/** Takes the stream instead of the backend while a program is being captured. */
export interface Recorder {
  readonly calls: RecordedCall[];
  /** Storages that the program owns: inputs and constants. */
  readonly owned: Storage[];
}

/** Textures that calls have wanted so far. */
interface TextureKeys {
  readonly keys: Set<string>;
  bytes: number;
}

/** A call and where its storages lie; null where the program itself may write. */
interface PlacedCall {
  readonly call: KernelCall;
  readonly places: readonly (Place | null)[];
}

/**
 * The stream that ops append kernel calls to. Eager: a call is encoded at once and memory belongs to scopes. While capturing:
 * calls are recorded and memory is virtual (capture.ts).
 */
export class Device {
  readonly memory = new MemoryLedger();
  /** Prints or records each call as it is appended: debugging, kernel lists. */
  onCall: ((call: KernelCall) => void) | null = null;
  /** Told whose each call and tensor is: ATTUNE_DEBUG. */
  inspector: Inspector | null = null;
  /** Whether programs are fused unless they say otherwise (capture.ts). */
  fuses = true;
  readonly #scopes: { made: Storage[]; name: string }[] = [];
  readonly #pool = new Map<number, BackendBuffer[]>();
  /** Shared textures that calls have wanted so far (textures.ts), and those that are kept of a buffer. */
  readonly #sharedTextures: TextureKeys = { keys: new Set<string>(), bytes: 0 };
  readonly #kept = new Map<BackendBuffer, TextureKeys>();
  #recorder: Recorder | null = null;
  #epoch = 0;
  #epochs = 0;
  #empty: Storage | null = null;

  constructor(
    readonly backend: Backend,
    engineBytes = 0,
    /** Most bytes that may be live at once; what would exceed it throws MemoryBudgetError. */
    readonly budgetBytes = Number.POSITIVE_INFINITY,
  ) {
    backend.holders = () => this.memory.largest();
    if (engineBytes > 0) this.memory.add("engine", engineBytes);
  }

  get facts(): DeviceFacts {
    return this.backend.facts;
  }

  get isCapturing(): boolean {
    return this.#recorder !== null;
  }

  /** Memory for a result: virtual while capturing, from the pool and owned by the current scope otherwise. */
  allocate(bytes: number, label: string): Storage {
    this.#checkSize(bytes, label);
    const storage = new Storage(bytes, label, "activations", false);
    if (this.#recorder) return storage;
    const size = Math.min(sizeClass(bytes), Math.max(bytes, this.facts.limits.maxBufferSize));
    const pooled = this.#pool.get(size)?.pop();
    if (pooled) this.memory.hold(pooled, label, "activations");
    storage.put(pooled ?? this.createBuffer(size, label, "activations"));
    this.#scopes.at(-1)?.made.push(storage);
    return storage;
  }

  /** Memory that lives until `release`: weights, gradients, optimizer state, inputs, caches. Zeroed, as WebGPU gives it. */
  persistent(bytes: number, label: string, category: Category): Storage {
    this.#checkSize(bytes, label);
    const storage = new Storage(bytes, label, category, true);
    storage.put(this.createBuffer(bytes, label, category));
    return storage;
  }

  /** Memory for data from the host: owned by the program being captured, else by the scope. */
  hostData(bytes: number, label: string): Storage {
    if (!this.#recorder) return this.allocate(bytes, label);
    const storage = this.persistent(bytes, label, "inputs");
    this.#recorder.owned.push(storage);
    return storage;
  }

  /** Frees memory now; what a captured program binds is kept for it until the program is disposed of. */
  release(storage: Storage, by = "by dispose"): void {
    if (storage.parent || storage.isFreed) return;
    const buffer = storage.free(by);
    if (buffer) this.#reclaim(storage, buffer);
  }

  /** A captured program binds no longer what it pinned. */
  unpin(storage: Storage): void {
    const buffer = storage.unpin();
    if (buffer) this.#reclaim(storage.root, buffer);
  }

  #reclaim(storage: Storage, buffer: BackendBuffer): void {
    if (storage.isPersistent) this.destroyBuffer(buffer, storage.category);
    else {
      const free = this.#pool.get(buffer.bytes);
      if (free) free.push(buffer);
      else this.#pool.set(buffer.bytes, [buffer]);
    }
  }

  createBuffer(bytes: number, label: string, category: Category): BackendBuffer {
    this.requireRoom(bytes, label, `a buffer of ${showBytes(bytes)}`);
    const buffer = this.#createOrRetry(bytes, label);
    this.memory.add(category, bytes);
    this.memory.hold(buffer, label, category);
    return buffer;
  }

  /** A refused allocation is tried once more without the memory that nothing uses. @throws AllocationError */
  #createOrRetry(bytes: number, label: string): BackendBuffer {
    try {
      return this.backend.createBuffer(bytes, label);
    } catch (error) {
      if (!(error instanceof AllocationError) || bytes > this.facts.limits.maxBufferSize) throw error;
      this.#dropPool();
      this.backend.release?.();
      return this.backend.createBuffer(bytes, label);
    }
  }

  /** Bytes of the textures that these calls are the first to want. */
  textureBytes(calls: readonly PlacedCall[]): number {
    return this.#newTextures(calls).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Counts them as taken: the backend makes them. */
  takeTextures(calls: readonly PlacedCall[]): void {
    for (const { of, key, bytes } of this.#newTextures(calls)) {
      of.keys.add(key);
      of.bytes += bytes;
      this.memory.add("engine", bytes);
    }
  }

  #newTextures(calls: readonly PlacedCall[]): { of: TextureKeys; key: string; bytes: number }[] {
    const seen = new Map<TextureKeys, Set<string>>();
    return calls.flatMap(({ call, places }) =>
      wantedTextures(call, places).flatMap(({ binding, key, bytes, isKept }) => {
        const of = isKept ? this.#keptOf(places[binding]!.buffer) : this.#sharedTextures;
        const others = seen.get(of) ?? new Set();
        seen.set(of, others);
        if (of.keys.has(key) || others.has(key)) return [];
        others.add(key);
        return [{ of, key, bytes }];
      }),
    );
  }

  #keptOf(buffer: BackendBuffer): TextureKeys {
    const kept = this.#kept.get(buffer) ?? { keys: new Set<string>(), bytes: 0 };
    this.#kept.set(buffer, kept);
    return kept;
  }

  /**
   * Makes sure that so many bytes more fit the budget, giving up pooled memory for them.
   * @throws MemoryBudgetError saying what was asked for, what is left and who holds the rest
   */
  requireRoom(bytes: number, label: string, what: string): void {
    if (this.memory.liveBytes + bytes <= this.budgetBytes) return;
    this.#dropPool();
    const { liveBytes } = this.memory;
    const overBytes = liveBytes + bytes - this.budgetBytes;
    if (overBytes <= 0) return;
    const left = Math.max(0, this.budgetBytes - liveBytes);
    throw new MemoryBudgetError(
      `${label}: ${what} exceeds the memory budget of ${showBytes(this.budgetBytes)}: ${showBytes(left)} are left, ${showBytes(overBytes)} too few. Use a smaller batch or length, or checkpoint(...)`,
      {
        label,
        bytes,
        budgetBytes: this.budgetBytes,
        liveBytes,
        overBytes,
        live: { ...this.memory.live },
        holders: this.memory.largest(),
      },
    );
  }

  destroyBuffer(buffer: BackendBuffer, category: Category): void {
    this.memory.drop(buffer);
    this.memory.remove(category, buffer.bytes);
    this.memory.remove("engine", this.#kept.get(buffer)?.bytes ?? 0);
    this.#kept.delete(buffer);
    buffer.destroy();
  }

  /** What a binding that the variant does not read is bound to. */
  get empty(): Storage {
    this.#empty ??= this.persistent(64, "empty", "engine");
    return this.#empty;
  }

  /** Appends a call; storages are named as in the kernel. @throws TensorError on a missing or freed one */
  run(call: KernelCall, bound: Readonly<Record<string, Storage>>, origin: CallOrigin | null = null): void {
    const storages = call.kernel.bindings.map(({ name, optional }) => {
      const storage = bound[name] ?? (optional ? this.empty : undefined);
      if (!storage) throw new TensorError(`kernel ${call.kernel.name}: no storage bound to ${name}`);
      return storage;
    });
    if (call.workgroups.includes(0)) {
      this.onCall?.(call);
      return; // nothing to do: an empty tensor
    }
    call.kernel.bindings.forEach(({ access }, place) => {
      if (access === "read_write") storages[place]!.wasWritten();
    });
    for (const fitting of fittingCalls({ call, storages }, this.facts.limits, this.#empty)) this.#append(fitting, origin);
  }

  /** One call whose storages a binding can hold each. */
  #append({ call, storages }: RecordedCall, origin: CallOrigin | null): void {
    this.onCall?.(call);
    this.inspector?.appended(call, storages, origin);
    this.#checkWorkgroups(call);
    if (this.#recorder) {
      for (const storage of storages) {
        if (storage.isFreed) storage.place(); // throws and says why
      }
      this.#recorder.calls.push({ call, storages, epoch: this.#epoch });
    } else {
      const places = storages.map((storage) => storage.place());
      const textures = [{ call, places }];
      const bytes = this.textureBytes(textures);
      if (bytes > 0) {
        this.requireRoom(bytes, `operand textures of ${call.kernel.name}`, `textures of ${showBytes(bytes)}`);
        this.takeTextures(textures);
      }
      this.backend.dispatch(call, places);
    }
  }

  /**
   * Runs `body` and frees every tensor made in it except those it returns (alone, in an array or in an object), which pass to the
   * scope around. Synchronous: there is nothing to await in a step. Errors about its tensors call it by `name`.
   */
  scope<T>(body: () => T, name = ""): T {
    if (this.#recorder) return body(); // a captured program plans exact lifetimes itself
    const made: Storage[] = [];
    const scope = { made, name };
    this.#scopes.push(scope);
    const by = name ? `when the scope "${name}" ended` : "when its scope ended";
    try {
      const result = body();
      const kept = new Set(tensorsIn(result).map((tensor) => tensor.storage.root));
      this.#scopes.pop();
      for (const storage of made) {
        if (!kept.has(storage)) this.release(storage, by);
        else this.#scopes.at(-1)?.made.push(storage);
      }
      return result;
    } catch (error) {
      if (this.#scopes.at(-1) === scope) this.#scopes.pop();
      for (const storage of made) this.release(storage, by);
      throw error;
    }
  }

  /** Runs `body` so that none of its calls counts as a repeat of one outside: used by autograd for checkpoints. */
  apart<T>(body: () => T): T {
    const before = this.#epoch;
    this.#epoch = ++this.#epochs;
    try {
      return body();
    } finally {
      this.#epoch = before;
    }
  }

  /** Used by capture.ts alone. */
  record(body: (recorder: Recorder) => void): Recorder {
    if (this.#recorder) throw new TensorError("capture: already capturing; programs do not nest");
    const recorder: Recorder = { calls: [], owned: [] };
    this.#recorder = recorder;
    try {
      body(recorder);
    } catch (error) {
      for (const storage of recorder.owned) this.release(storage);
      throw error;
    } finally {
      this.#recorder = null;
    }
    return recorder;
  }

  /**
   * Copies a storage's bytes to the host: waits for the device. While it is under way its staging buffer counts as the engine's memory; the
   * small ones that the backend keeps for the next read do not.
   */
  async read(storage: Storage, bytes: number): Promise<ArrayBuffer> {
    this.memory.add("engine", bytes);
    try {
      return await this.backend.read({ ...storage.place(), bytes });
    } finally {
      this.memory.remove("engine", bytes);
    }
  }

  /** Destroys what is kept for later and nothing uses: pooled memory, the backend's buffers for read-backs. */
  trim(): void {
    this.#dropPool();
    this.backend.release?.();
    this.backend.flush();
  }

  #dropPool(): void {
    for (const buffers of this.#pool.values()) for (const buffer of buffers) this.destroyBuffer(buffer, "activations");
    this.#pool.clear();
  }

  destroy(): void {
    this.backend.destroy();
  }

  /** Plans fold what they can (spread); the rest would come back as a validation error of no one's. */
  #checkWorkgroups({ kernel, workgroups }: KernelCall): void {
    const limit = this.facts.limits.maxComputeWorkgroupsPerDimension;
    if (workgroups.some((count) => count > limit)) {
      throw new TensorError(
        `kernel ${kernel.name}: ${workgroups.join(" x ")} workgroups exceed the ${limit} that this device starts in one dimension (maxComputeWorkgroupsPerDimension). Use a smaller batch or length.`,
      );
    }
  }

  /** What one binding cannot hold is bound in pieces (fit.ts); what one buffer cannot hold is refused, planned on paper too. */
  #checkSize(bytes: number, label: string): void {
    const limit = this.facts.limits.maxBufferSize;
    if (bytes > limit) {
      throw new AllocationError(
        `${label}: ${bytes} bytes exceed the ${limit} of the largest buffer that this device makes (maxBufferSize). Use a smaller batch or length, or keep it in several tensors.`,
        { label, bytes },
      );
    }
  }
}

/** Sizes are rounded up to four steps an octave, so that the pool finds partners and wastes at most a fifth. */
function sizeClass(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = 2 ** (Math.floor(Math.log2(bytes)) - 2);
  return Math.ceil(bytes / step) * step;
}

function tensorsIn(value: unknown): Tensor[] {
  if (value === null || typeof value !== "object") return [];
  if ("storage" in value) return [value as Tensor];
  return Object.values(value).flatMap(tensorsIn);
}
