import { createHash } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { type DeviceFacts, fingerprintOf, type MatmulChoice, readChoice } from "@attune/kernels-wgsl";
import { create, globals } from "webgpu";
import { attachDebug, debugLevel } from "./debug/levels.js";
import { type OpenOptions, openWebGpu, type WebGpuDevice } from "./device/open.js";
import type { WebGpuBackend } from "./device/webgpu.js";
import { DeviceError } from "./errors.js";

export type { OpenOptions } from "./device/open.js";

/**
 * Dawn's switches, each with its reason. All in one string: dawn.node takes `enable-dawn-features=a,b`.
 * Robustness stays on: kernels rely on out-of-range reads being clamped.
 */
const ENABLED_TOGGLES = [
  "vulkan_enable_f16_on_nvidia", // Dawn hides shader-f16 on NVIDIA otherwise
  "allow_unsafe_apis", // exposes subgroup matrices
  "use_vulkan_memory_model", // which those need
];
const DISABLED_TOGGLES = ["timestamp_quantization"]; // rounds to 65 us: useless for kernels
export const toggles = { enabled: ENABLED_TOGGLES, disabled: DISABLED_TOGGLES } as const;

/** dawn.node crashes if the object from create() is collected while a device lives: hold it as long as the process does. */
let instance: GPU | null = null;
function gpuOf(adapter: string | undefined): GPU {
  Object.assign(globalThis, globals);
  instance ??= create([
    `enable-dawn-features=${ENABLED_TOGGLES.join(",")}`,
    `disable-dawn-features=${DISABLED_TOGGLES.join(",")}`,
    ...(adapter ? [`adapter=${adapter}`] : []),
  ]);
  return instance;
}

/** Where no adapter has the name that was asked for Dawn lists those that there are, a line each. */
function wrongName(asked: string, error: unknown): DeviceError | null {
  const names = [...String((error as Error)?.message).matchAll(/name: '([^']+)'/g)].map(([, name]) => name!);
  if (names.length === 0) return null;
  return new DeviceError(`ATTUNE_ADAPTER=${asked}: no adapter has that in its name; there are ${[...new Set(names)].join(", ")}`);
}

let nullInstance: GPU | null = null;
/** Dawn's null backend with every feature that a text can ask for: it compiles and validates, and runs nothing. Needs no driver. */
export async function openNullGpu(): Promise<GPUDevice> {
  Object.assign(globalThis, globals);
  nullInstance ??= create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  const adapter = await nullInstance.requestAdapter();
  if (!adapter) throw new DeviceError("Dawn gives no adapter for its null backend");
  const { limits } = adapter;
  return adapter.requestDevice({
    label: "null",
    requiredFeatures: [...adapter.features] as GPUFeatureName[],
    requiredLimits: {
      maxStorageBuffersPerShaderStage: limits.maxStorageBuffersPerShaderStage,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
    },
  });
}

/** A device that knows its memory from the outside: what is really allocated, whatever the engine's ledger says. */
export interface NodeDevice extends WebGpuDevice {
  readonly measured: MeasuredMemory;
  /** Gives pooled memory back and counts peaks anew: what follows has its own. */
  restartPeak(): void;
}
export interface MeasuredMemory {
  liveBytes: number;
  peakBytes: number;
}

/**
 * Opens the fastest WebGPU adapter that Dawn finds, or the one whose name holds ATTUNE_ADAPTER.
 * @throws DeviceError (exitClass "device") if there is none, with what to do
 */
export async function openDevice(options: OpenOptions = {}): Promise<NodeDevice> {
  const level = debugLevel(process.env.ATTUNE_DEBUG);
  let measured: MeasuredMemory | null = null;
  const asked = process.env.ATTUNE_ADAPTER;
  const device = await openWebGpu(gpuOf(asked), {
    softwareWait: throttledWait,
    ...measuredChoice(process.env.ATTUNE_TUNED, (line) => {
      if (level !== null) process.stderr.write(`attune: ${line}\n`);
    }),
    onDevice: (gpu) => {
      measured = measure(gpu);
    },
    ...options,
  }).catch((error) => {
    throw (asked && wrongName(asked, error)) || error;
  });
  reportStatistics(device.backend);
  device.fuses = process.env.ATTUNE_FUSE !== "0";
  if (level !== null) {
    Error.stackTraceLimit = Math.max(Error.stackTraceLimit, 40); // an op's callers stand behind the engine's own frames
    attachDebug(device, level, (text) => void process.stderr.write(text));
  }
  const counted: MeasuredMemory = measured!;
  const restartPeak = (): void => {
    device.trim();
    counted.peakBytes = counted.liveBytes;
    device.memory.restartPeak();
  };
  return Object.assign(device, { measured: counted, restartPeak });
}

/**
 * What attune tune-kernels wrote, only where it is asked for, since another variant adds in another order: a file, or with "auto" the one of
 * this adapter, where there is one. @throws (usage) naming the file
 */
function measuredChoice(asked: string | undefined, say: (line: string) => void): Pick<OpenOptions, "tuning"> {
  if (!asked) return {};
  if (asked !== "auto") return { tuning: readTuned(asked, `ATTUNE_TUNED=${asked}`) };
  return {
    tuning: (facts) => {
      const file = tunedFile(facts);
      if (!existsSync(file)) {
        say(`ATTUNE_TUNED=auto: no ${file}, so the rules choose; \`attune tune-kernels\` measures`);
        return undefined;
      }
      const choice = readTuned(file, `ATTUNE_TUNED=auto: ${file}`);
      say(`ATTUNE_TUNED=auto: ${Object.keys(choice.variants).length} products as measured in ${file}`);
      return choice;
    },
  };
}

function readTuned(file: string, where: string): MatmulChoice {
  try {
    return readChoice(readFileSync(file, "utf8"));
  } catch (error) {
    throw Object.assign(new Error(`${where}: ${(error as Error).message}`), { exitClass: "usage" });
  }
}

/** Where a device's measured choice is kept: kernels-<fingerprint>.json in the user's cache folder. */
export function tunedFile(facts: DeviceFacts, env: Readonly<Record<string, string | undefined>> = process.env): string {
  const cache = env.XDG_CACHE_HOME && path.isAbsolute(env.XDG_CACHE_HOME) ? env.XDG_CACHE_HOME : path.join(homedir(), ".cache");
  const name = createHash("sha256").update(fingerprintOf(facts)).digest("hex").slice(0, 16);
  return path.join(cache, "attune", `kernels-${name}.json`);
}

/** Counts live buffers by wrapping createBuffer and destroy: independent of everything the engine believes. */
function measure(gpu: GPUDevice): MeasuredMemory {
  const memory: MeasuredMemory = { liveBytes: 0, peakBytes: 0 };
  function counted<Made extends GPUBuffer | GPUTexture>(made: Made, bytes: number): Made {
    const destroy = made.destroy.bind(made);
    let isLive = true;
    memory.liveBytes += bytes;
    memory.peakBytes = Math.max(memory.peakBytes, memory.liveBytes);
    made.destroy = () => {
      if (isLive) memory.liveBytes -= bytes;
      isLive = false;
      return destroy();
    };
    return made;
  }
  const create = gpu.createBuffer.bind(gpu);
  gpu.createBuffer = (descriptor) => {
    return counted(create(descriptor), descriptor.size);
  };
  const createTexture = gpu.createTexture.bind(gpu);
  gpu.createTexture = (descriptor) => {
    const [width, height] = descriptor.size as [number, number];
    return counted(createTexture(descriptor), 16 * width * height); // all texels in use have 16 bytes
  };
  return memory;
}

/**
 * Awaits the device without burning a core: while a promise is pending, dawn.node polls in a tight event-loop spin, which on a
 * software adapter takes about 40 % of the processor from the kernels themselves. Sleeps at most a millisecond at a time.
 */
async function throttledWait<T>(promise: Promise<T>, isOver: () => boolean): Promise<T> {
  let isDone = false;
  const finish = (): void => {
    isDone = true;
  };
  promise.then(finish, finish);
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let milliseconds = 0.02;
  for (let turn = 0; !isDone && !isOver(); turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (isDone || turn < 3) continue;
    Atomics.wait(cell, 0, 0, milliseconds);
    milliseconds = Math.min(1, milliseconds * 1.5);
  }
  return promise;
}

/** Under ATTUNE_STATS=FILE each device leaves a line at exit: the test run adds them up and refuses if too little ran. */
function reportStatistics(backend: WebGpuBackend): void {
  const file = process.env.ATTUNE_STATS;
  if (!file) return;
  process.once("exit", () => {
    const { texts, compileMs, dispatches } = backend.stats;
    const adapter = backend.facts.adapter.device || backend.facts.adapter.description;
    appendFileSync(file, `${JSON.stringify({ texts, compileSeconds: compileMs / 1000, dispatches, adapter })}\n`);
  });
}
