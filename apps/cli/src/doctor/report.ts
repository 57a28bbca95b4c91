// The doctor's findings as one plain object (for --json) and as text.
import type { DeviceFacts } from "@attune/kernels-wgsl";
import { color, fit, formatBytes, table } from "../terminal.js";
import type { Machine } from "./machine.js";
import type { Speed } from "./speed.js";

export interface Findings {
  attune: string;
  machine: Machine;
  /** null where there is no adapter. */
  device: DeviceFacts | null;
  subgroupMatrices: string[];
  toggles: { enabled: readonly string[]; disabled: readonly string[] };
  speed: Speed | null;
  advice: string[];
}

export function findingsToText({ attune, machine, device, subgroupMatrices, toggles, speed, advice }: Findings): string {
  const lines: [string, string][] = [
    ["attune", `${attune}, Node ${machine.node}, ${machine.platform}`],
    ["processor", `${machine.processors}, ${formatBytes(machine.memoryBytes)}`],
  ];
  for (const [name, value] of Object.entries(machine.environment)) lines.push([name, value]);
  if (machine.drivers.length > 0) lines.push(["drivers", machine.drivers.join(", ")]);
  if (device) {
    const { adapter, limits } = device;
    lines.push(
      [
        "adapter",
        `${adapter.description || adapter.device} (${[adapter.vendor, adapter.architecture].filter(Boolean).join(", ")})`,
      ],
      ["kind", device.isSoftware ? "software: the processor does the work" : "hardware"],
      ["features", device.features.join(", ") || "none"],
      ["subgroups", device.subgroupSize === null ? "no fixed size" : `${device.subgroupSize} lanes`],
      ["matrices", subgroupMatrices.join(", ") || "none (no subgroup-matrix support)"],
      [
        "buffer",
        `${formatBytes(limits.maxBufferSize)} at most, ${formatBytes(limits.maxStorageBufferBindingSize)} bound at once`,
      ],
      [
        "workgroup",
        `${limits.maxComputeInvocationsPerWorkgroup} threads, ${formatBytes(limits.maxComputeWorkgroupStorageSize)} shared`,
      ],
    );
  }
  lines.push([
    "toggles",
    [...toggles.enabled.map((name) => `+${name}`), ...toggles.disabled.map((name) => `-${name}`)].join(" "),
  ]);
  if (speed) {
    const [m, k, n] = speed.matmul.sizes;
    lines.push(
      [
        "matmul",
        `${speed.matmulGflops.toPrecision(3)} GFLOP/s (f32, ${m} x ${k} x ${n}, ${speed.matmul.kernel}: ${speed.matmul.reason})`,
      ],
      ["copy", `${speed.copyGBs.toPrecision(3)} GB/s read and written (${formatBytes(speed.copyBytes)})`],
    );
  }
  const rows = lines.map(([name, value]) => [color.dim(name), value]);
  const body = [table([{ title: "" }, { title: "" }], rows)];
  if (advice.length > 0) body.push("", ...advice.map((line) => fit(`- ${line}`)));
  return body.join("\n");
}
