// Where a step's time goes: calls timed on the device, added up by kernel, by group and by what they were about, against what the device
// was measured to do. The step is run without the timer too, since a pass a call costs a little.

import type { Category } from "../device/memory.js";
import type { WebGpuDevice } from "../device/open.js";
import type { Peaks } from "./peaks.js";
import { type CallTime, callTimer, describeCall } from "./timer.js";

export interface ProfileRow {
  /** Kernel, group, or kernel and sizes. */
  readonly name: string;
  /** Of one step, as all that follows. */
  readonly calls: number;
  readonly ms: number;
  /** Of the device's time. */
  readonly share: number;
  readonly gbPerS: number;
  readonly gflops: number;
  /** Of the measured peaks; a kernel whose operands lie in a cache goes beyond 1. */
  readonly ofCopy: number;
  readonly ofMatmul: number;
  /** What would take longer at the measured peaks, and how much of the time that would take. */
  readonly bound: "bandwidth" | "arithmetic";
  readonly ofBound: number;
}

export const GROUPS = ["matmul", "attention", "normalisation", "element-wise", "loss", "optimizer", "other"] as const;
export type Group = (typeof GROUPS)[number];

/** By a kernel's family, the part of its name before the slash. */
const GROUP_OF: Readonly<Record<string, Group>> = {
  matmul: "matmul",
  attention: "attention",
  softmax: "attention",
  norm: "normalisation",
  elementwise: "element-wise",
  dropout: "element-wise",
  crossEntropy: "loss",
  optimizer: "optimizer",
  embedding: "other",
  reduce: "other",
  generate: "other",
};

export interface Span {
  readonly name: "encode" | "wait";
  readonly start: number;
  readonly ms: number;
}

export interface Profile {
  readonly label: string;
  readonly adapter: string;
  readonly timing: "timestamps" | "wall time";
  readonly steps: number;
  readonly peaks: Peaks;
  /** Medians of a step without the timer: all of it, JavaScript and driver calls until the first wait, waiting. */
  readonly step: { readonly ms: number; readonly hostMs: number; readonly waitMs: number };
  /** A step's calls, and the sum of their times. */
  readonly calls: number;
  readonly deviceMs: number;
  readonly kernels: readonly ProfileRow[];
  readonly groups: readonly ProfileRow[];
  readonly sizes: readonly ProfileRow[];
  readonly memory: { readonly peakBytes: number; readonly atPeak: Readonly<Record<Category, number>> };
  /** For the trace: every call, and what the host did, on clocks that meet where the last call ends and the last wait ends. */
  readonly times: readonly CallTime[];
  readonly host: readonly Span[];
}

/**
 * Profiles a step: `body` appends work, submits it and waits for it; until its first await it counts as JavaScript.
 * Two runs go first, which compile; then `steps` without a timer, and `steps` with one.
 */
export async function profile(
  device: WebGpuDevice,
  label: string,
  body: () => Promise<void>,
  { steps = 3, peaks }: { steps?: number; peaks: Peaks },
): Promise<Profile> {
  await body();
  await body();
  device.memory.restartPeak();
  const plain: { ms: number; hostMs: number }[] = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    const done = body();
    const hostMs = performance.now() - start;
    await done;
    plain.push({ ms: performance.now() - start, hostMs });
  }
  const { backend } = device;
  const before = backend.probe;
  const timer = callTimer(backend.gpu);
  const host: Span[] = [];
  let times: CallTime[];
  try {
    backend.flush();
    backend.probe = timer;
    await body(); // the first resolve of queries compiles a kernel of Dawn's
    timer.take();
    for (let i = 0; i < steps; i++) {
      const start = performance.now();
      const done = body();
      const encoded = performance.now();
      await done;
      host.push(
        { name: "encode", start, ms: encoded - start },
        { name: "wait", start: encoded, ms: performance.now() - encoded },
      );
    }
    times = timer.take();
  } finally {
    backend.probe = before;
    timer.dispose();
  }
  const typical = typicalStep(times, steps);
  const { adapter } = device.facts;
  const ms = median(plain.map((step) => step.ms));
  const hostMs = median(plain.map((step) => step.hostMs));
  return {
    label,
    adapter: adapter.device || adapter.description,
    timing: timer.kind,
    steps,
    peaks,
    step: { ms, hostMs, waitMs: ms - hostMs },
    calls: typical.length,
    deviceMs: typical.reduce((sum, time) => sum + time.ms, 0),
    ...summarize(typical, 1, peaks),
    memory: { peakBytes: device.memory.peakBytes, atPeak: device.memory.atPeak },
    times,
    host,
  };
}

/**
 * One step whose calls take the median of their times: a moment in which something else had the machine would otherwise look like a
 * slow kernel. Steps that differ in their calls are left one after the other.
 */
export function typicalStep(times: readonly CallTime[], steps: number): CallTime[] {
  const calls = times.length / steps;
  const isSame = times.every(({ call }, i) => call.kernel === times[i % calls]?.call.kernel);
  if (!isSame) return times.map((time) => ({ ...time, ms: time.ms / steps }));
  return times.slice(0, calls).map((first, i) => ({
    ...first,
    ms: median(Array.from({ length: steps }, (_, step) => times[i + step * calls]!.ms)),
  }));
}

/** Adds calls up in three ways, each the longest first. Pure. */
export function summarize(
  times: readonly CallTime[],
  steps: number,
  peaks: Pick<Peaks, "copyGBs" | "matmulGflops">,
): Pick<Profile, "kernels" | "groups" | "sizes"> {
  const total = times.reduce((sum, { ms }) => sum + ms, 0);
  const rowsBy = (nameOf: (time: CallTime) => string): ProfileRow[] => {
    const groups = new Map<string, CallTime[]>();
    for (const time of times) {
      const name = nameOf(time);
      const group = groups.get(name);
      if (group) group.push(time);
      else groups.set(name, [time]);
    }
    return [...groups].map(([name, calls]) => rowOf(name, calls, steps, total, peaks)).sort((a, b) => b.ms - a.ms);
  };
  return {
    kernels: rowsBy(({ call }) => call.kernel.name),
    groups: rowsBy(({ call }) => groupOf(call.kernel.name)),
    sizes: rowsBy(({ call }) => `${call.kernel.name}  ${describeCall(call)}`.trimEnd()),
  };
}

export function groupOf(kernel: string): Group {
  if (kernel === "reduce/sum_squares") return "optimizer"; // the gradient's norm
  return GROUP_OF[kernel.split("/")[0]!] ?? "other";
}

function rowOf(
  name: string,
  times: readonly CallTime[],
  steps: number,
  total: number,
  { copyGBs, matmulGflops }: Pick<Peaks, "copyGBs" | "matmulGflops">,
): ProfileRow {
  const sum = (of: (time: CallTime) => number): number => times.reduce((so, time) => so + of(time), 0);
  const ms = sum((time) => time.ms);
  const gbPerS = ms > 0 ? sum(({ call }) => call.bytes) / ms / 1e6 : 0;
  const gflops = ms > 0 ? sum(({ call }) => call.flops) / ms / 1e6 : 0;
  const ofCopy = gbPerS / copyGBs;
  const ofMatmul = gflops / matmulGflops;
  return {
    name,
    calls: times.length / steps,
    ms: ms / steps,
    share: total > 0 ? ms / total : 0,
    gbPerS,
    gflops,
    ofCopy,
    ofMatmul,
    bound: ofMatmul > ofCopy ? "arithmetic" : "bandwidth",
    ofBound: Math.max(ofCopy, ofMatmul),
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
