// ATTUNE_DEBUG=1..5, each level adding to the last: 1 the device; 2 a line a call with its time, each call in a pass of its own; 3 why the
// plan chose it; 4 the text, once; 5 every output checked for NaN and Inf. Lines of calls come with the next read-back, in their order.
import { type KernelCall, specialize } from "@attune/kernels-wgsl";
import type { WebGpuDevice } from "../device/open.js";
import type { CallProbe, EncodePass, ProbedCall, Settle } from "../device/probe.js";
import { showBytes, TensorError } from "../errors.js";
import { OutputChecker } from "./check.js";
import { callPath, Origins } from "./origins.js";
import { type CallTime, type CallTimer, callTimer } from "./timer.js";

export const DEBUG_LEVELS = [1, 2, 3, 4, 5] as const;
export type DebugLevel = (typeof DEBUG_LEVELS)[number];

/** The level that a text says; null for none. @throws TensorError unless it is 1 to 5 (or empty, or 0) */
export function debugLevel(text: string | undefined): DebugLevel | null {
  if (text === undefined || text === "" || text === "0") return null;
  const level = DEBUG_LEVELS.find((one) => String(one) === text);
  if (level === undefined) {
    const error = new TensorError(`ATTUNE_DEBUG=${text}: expected 1, 2, 3, 4 or 5 (docs/debugging.md)`);
    throw Object.assign(error, { exitClass: "usage" });
  }
  return level;
}

/** Shows what a device does, from now on, through `write` (whole lines). Programs captured before are not known by their ops. */
export function attachDebug(device: WebGpuDevice, level: DebugLevel, write: (text: string) => void): void {
  write(`${deviceText(device)}\n`);
  if (level < 2) return;
  const origins = new Origins();
  device.inspector = origins;
  device.backend.probe = new CallPrinter(device, level, origins, write);
}

function deviceText({ facts, budgetBytes }: WebGpuDevice): string {
  const { adapter, limits, features, subgroupSize, matrixConfigs = [] } = facts;
  const name = [adapter.vendor, adapter.architecture, adapter.device, adapter.description].filter(Boolean).join(", ");
  return [
    `attune: adapter ${name}${facts.isSoftware ? " (software)" : ""}`,
    `attune: features ${features.join(", ") || "none"}; subgroups of ${subgroupSize ?? "no fixed size"}; matrix units ${matrixConfigs.map(({ m, n, k, component, result }) => `${m}x${n}x${k} ${component} -> ${result}`).join(", ") || "none"}`,
    `attune: limits ${Object.entries(limits)
      .map(([limit, value]) => `${limit} ${value}`)
      .join(", ")}${Number.isFinite(budgetBytes) ? `; budget ${showBytes(budgetBytes)}` : ""}`,
  ].join("\n");
}

/** Times, prints and checks each call. */
class CallPrinter implements CallProbe {
  readonly #timer: CallTimer;
  readonly #checker: OutputChecker | null;
  readonly #texts = new Set<string>();
  #count = 0;

  constructor(
    device: WebGpuDevice,
    readonly level: DebugLevel,
    readonly origins: Origins,
    readonly write: (text: string) => void,
  ) {
    const { gpu, facts } = device.backend;
    this.#timer = callTimer(gpu);
    this.#checker = level >= 5 ? new OutputChecker(gpu, facts.limits.minUniformBufferOffsetAlignment, origins) : null;
  }

  get submitsEachCall(): boolean {
    return this.#timer.submitsEachCall;
  }

  around(encoder: GPUCommandEncoder, probed: ProbedCall, encode: EncodePass, copy: (() => void) | null): void {
    if (this.level >= 4) this.#printText(probed.call);
    const timed = (): void => this.#timer.around(encoder, probed, encode, copy);
    if (this.#checker) this.#checker.around(encoder, probed, timed);
    else timed();
  }

  submitting(encoder: GPUCommandEncoder): void {
    this.#timer.submitting(encoder);
    this.#checker?.submitting(encoder);
  }

  submitted(): void {
    this.#timer.submitted();
    this.#checker?.submitted();
  }

  async settled(settle: Settle): Promise<void> {
    await this.#timer.settled(settle);
    for (const time of this.#timer.take()) this.#printCall(time);
    await this.#checker?.settled(settle);
  }

  #printCall({ call, ms }: CallTime): void {
    const { kernel, variant, params, workgroups, reason } = call;
    const known = this.origins.call(call);
    const storages = kernel.bindings.flatMap(({ name, access }, i) => {
      const storage = known?.storages[i];
      if (!storage || storage.label === "empty") return [];
      return `${access === "read" ? "" : ">"}${this.origins.describe(name, storage)}`;
    });
    const path = callPath(known?.stack ?? []);
    const speed = ms > 0 ? `  ${(call.bytes / ms / 1e6).toFixed(2)} GB/s  ${(call.flops / ms / 1e6).toFixed(2)} GFLOP/s` : "";
    this.#count++;
    this.write(
      `#${this.#count} ${kernel.name}  ${known?.op ?? "no op"}${path ? ` in ${path}` : ""}  ${storages.join(", ")}  ${(1000 * ms).toFixed(1)} us${speed}\n`,
    );
    if (this.level < 3) return;
    this.write(
      `   ${reason}; ${workgroups.join(" x ")} workgroups; variant ${JSON.stringify(variant)}; params ${JSON.stringify(params)}\n`,
    );
  }

  #printText(call: KernelCall): void {
    const text = specialize(call);
    if (this.#texts.has(text)) return;
    this.#texts.add(text);
    this.write(`--- ${call.kernel.name} ${JSON.stringify(call.variant)}\n${text.trimEnd()}\n---\n`);
  }
}
