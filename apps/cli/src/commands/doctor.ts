// attune doctor: what the engine finds on this machine, how fast it is, and what to do about what is missing.
import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { EXIT_CODES } from "../errors.js";

export function configure(command: Command): void {
  command
    .option("--json", "print JSON")
    .option("--no-speed", "do not measure matmul and copy")
    .addHelpText("after", "\nExamples:\n  attune doctor\n  attune doctor --json > this-machine.json")
    .action(async ({ json, speed }: { json?: boolean; speed: boolean }) => {
      const { adviseWithoutAdapter, advise } = await import("../doctor/advice.js");
      const { inspectMachine } = await import("../doctor/machine.js");
      const { findingsToText } = await import("../doctor/report.js");
      const { openDevice, toggles } = await import("@attune/tensor/node");
      const machine = await inspectMachine();
      const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
      const device = await openDevice().catch((error: Error & { exitClass?: string }) => {
        if (error.exitClass !== "device") throw error;
        return null;
      });
      const { measureSpeed } = await import("../doctor/speed.js");
      const { keepPeak } = await import("../doctor/peak.js");
      const findings = {
        attune: version,
        machine,
        device: device?.facts ?? null,
        subgroupMatrices: device ? matricesOf(device.backend.gpu) : [],
        toggles,
        speed: device && speed ? await measureSpeed(device) : null,
        advice: device ? advise(machine, device.facts) : adviseWithoutAdapter(machine),
      };
      if (device && findings.speed) await keepPeak(device.facts, findings.speed.matmulGflops); // runs tell their share of it
      device?.destroy();
      process.stdout.write(`${json ? JSON.stringify(findings, null, 2) : findingsToText(findings)}\n`);
      if (!device) {
        process.stderr.write("error: no WebGPU adapter\n");
        process.exitCode = EXIT_CODES.device;
      }
    });
}

/** Matrix shapes that tensor cores take, as Dawn reports them: "16x16x16 f16 -> f32". */
function matricesOf(gpu: GPUDevice): string[] {
  type Config = { M: number; N: number; K: number; componentType: string; resultComponentType: string };
  const { subgroupMatrixConfigs = [] } = gpu.adapterInfo as GPUAdapterInfo & { subgroupMatrixConfigs?: Iterable<Config> };
  return [...subgroupMatrixConfigs].map((one) => `${one.M}x${one.N}x${one.K} ${one.componentType} -> ${one.resultComponentType}`);
}
