// What this machine has that decides which adapter Dawn finds: system, driver files, environment, graphics devices.
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

export interface Machine {
  node: string;
  platform: string;
  processors: string;
  memoryBytes: number;
  /** Vulkan driver manifests, as the loader would find them; empty where Vulkan is not used. */
  drivers: string[];
  /** Variables that change which driver is taken. */
  environment: Record<string, string>;
  hasNvidiaDevice: boolean;
  hasRenderDevice: boolean;
}

const VARIABLES = [
  "VK_DRIVER_FILES",
  "VK_ICD_FILENAMES",
  "VK_ADD_DRIVER_FILES",
  "DAWNNODE_BACKEND",
  "NVIDIA_DRIVER_CAPABILITIES",
];
const DRIVER_FOLDERS = ["/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d"];

export async function inspectMachine(): Promise<Machine> {
  const { env } = process;
  const chosen = env.VK_DRIVER_FILES ?? env.VK_ICD_FILENAMES;
  const drivers = chosen?.split(path.delimiter) ?? [];
  if (process.platform === "linux" && !chosen) {
    for (const folder of DRIVER_FOLDERS) {
      for (const name of (await readdir(folder).catch(() => [])).sort()) drivers.push(path.join(folder, name));
    }
  }
  const processors = os.cpus();
  return {
    node: process.versions.node,
    platform: `${os.type()} ${os.release()} ${os.arch()}`,
    processors: `${os.availableParallelism()} x ${processors[0]?.model.trim() ?? "unknown"}`,
    memoryBytes: os.totalmem(),
    drivers,
    environment: Object.fromEntries(VARIABLES.filter((name) => env[name]).map((name) => [name, env[name]!])),
    hasNvidiaDevice: existsSync("/dev/nvidia0"),
    hasRenderDevice: existsSync("/dev/dri") || existsSync("/dev/dxg"),
  };
}
