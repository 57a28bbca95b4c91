import { softwareFacts } from "@attune/kernels-wgsl";
import { openDevice, toggles } from "@attune/tensor/node";
import { describe, expect, test } from "vitest";
import { benchText } from "../commands/bench.js";
import { advise, adviseWithoutAdapter } from "./advice.js";
import { type BenchReport, dispatchCost } from "./bench.js";
import { inspectMachine, type Machine } from "./machine.js";
import { findingsToText } from "./report.js";
import { measureSpeed } from "./speed.js";

const machine: Machine = {
  node: "20.19.0",
  platform: "Linux",
  processors: "2 x CPU",
  memoryBytes: 2 ** 33,
  drivers: [],
  environment: {},
  hasNvidiaDevice: false,
  hasRenderDevice: false,
};

describe("advice", () => {
  test("without an adapter says what to install, by system and by what is there", () => {
    const say = (more: Partial<Machine>, platform: NodeJS.Platform = "linux") =>
      adviseWithoutAdapter({ ...machine, ...more }, platform).join("\n");
    expect(say({})).toMatch(/no driver at all.*\n.*npm run setup/);
    expect(say({ hasNvidiaDevice: true })).toMatch(/NVIDIA_DRIVER_CAPABILITIES=all/);
    expect(say({ hasRenderDevice: true })).toMatch(/mesa-vulkan-drivers/);
    expect(say({ drivers: ["/x"], environment: { VK_DRIVER_FILES: "/x" } })).toMatch(/asks for the driver \/x.*unset/);
    expect(say({}, "darwin")).toMatch(/Metal/);
    expect(say({}, "win32")).toMatch(/Direct3D 12/);
  });

  test("with one names what is missing and what that means", () => {
    expect(advise(machine, softwareFacts).join("\n")).toMatch(/software adapter[\s\S]*No shader-f16[\s\S]*No timestamp-query/);
    expect(advise({ ...machine, hasNvidiaDevice: true }, softwareFacts).join("\n")).toMatch(
      /NVIDIA GPU, but Vulkan does not see it/,
    );
    const good = { ...softwareFacts, isSoftware: false, features: ["shader-f16", "subgroups", "timestamp-query"] };
    expect(advise(machine, good)).toEqual([]);
  });
});

test("the report of a real device: all lines, measured speeds, nothing left allocated", async () => {
  const device = await openDevice();
  await measureSpeed(device); // what the device makes at first use and keeps: textures for operands, the empty buffer
  const before = device.measured.liveBytes;
  const speed = await measureSpeed(device);
  expect(speed.matmulGflops).toBeGreaterThan(0.1);
  expect(speed.copyGBs).toBeGreaterThan(0.01);
  expect(device.measured.liveBytes).toBe(before);
  const cost = await dispatchCost(device);
  expect(cost.dispatchMicroseconds).toBeGreaterThan(0);
  expect(cost.dispatchMicroseconds).toBeLessThan(100_000);
  expect(device.measured.liveBytes).toBe(before);
  const training: BenchReport["training"] = {
    recipe: "r",
    parameters: 2e6,
    trainableParameters: 1000,
    rows: 8,
    tokens: 900,
    updatesPerSecond: 2.5,
    tokensPerSecond: 2250,
    dispatches: 300,
  };
  const shown = benchText({ adapter: "a device", isSoftware: true, speed, ...cost, training });
  expect(shown).toMatch(/on a device \(software\)/);
  expect(shown).toMatch(/training +2\.25 k tokens\/s +r: 2\.00 M parameters, 1\.00 k trained; 2\.50 updates\/s of 8 rows/);
  expect(benchText({ adapter: "a", isSoftware: false, speed, ...cost, training: null })).not.toMatch(/training|software/);

  const real = await inspectMachine();
  const text = findingsToText({
    attune: "0",
    machine: real,
    device: device.facts,
    subgroupMatrices: [],
    toggles,
    speed,
    advice: ["Do this."],
  });
  for (const part of ["adapter", "features", "workgroup", "GFLOP/s", "GB/s", "- Do this."]) expect(text).toContain(part);
  device.destroy();
});
