// The matmul peak of a device, kept from the last time that the doctor measured it: what a training run's speed is compared with.
import { readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import type { DeviceFacts } from "@attune/kernels-wgsl";
import { makeFolder } from "@attune/models/node";

async function fileOf(facts: DeviceFacts, env?: NodeJS.ProcessEnv): Promise<string> {
  const { tunedFile } = await import("@attune/tensor/node"); // which loads Dawn: not for plans on paper
  return tunedFile(facts, env).replace(/kernels-([^/\\]*)$/, "peak-$1");
}

/** In the user's cache folder, by the device's fingerprint. What cannot be written there is measured again another time. */
export async function keepPeak(facts: DeviceFacts, matmulGflops: number, env?: NodeJS.ProcessEnv): Promise<void> {
  const file = await fileOf(facts, env);
  try {
    await makeFolder(path.dirname(file));
    await writeFile(`${file}.${process.pid}.part`, `${JSON.stringify({ matmulGflops })}\n`);
    await rename(`${file}.${process.pid}.part`, file);
  } catch {
    // a cache that is not there is no fault
  }
}

/** FLOPs a second; null where the doctor never measured this device. */
export async function knownPeak(facts: DeviceFacts, env?: NodeJS.ProcessEnv): Promise<number | null> {
  try {
    const { matmulGflops } = JSON.parse(await readFile(await fileOf(facts, env), "utf8")) as { matmulGflops: unknown };
    return typeof matmulGflops === "number" && matmulGflops > 0 && Number.isFinite(matmulGflops) ? 1e9 * matmulGflops : null;
  } catch {
    return null;
  }
}
