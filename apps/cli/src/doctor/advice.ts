// What to do, by what is missing. Pure, so that each piece of advice is tested without the machine that needs it.
import type { DeviceFacts } from "@attune/kernels-wgsl";
import type { Machine } from "./machine.js";

/** Features worth having, and what their absence means. Nothing here is needed: there is always a slower kernel. */
export const WORTH_HAVING: Record<string, string> = {
  subgroups: "matmul and row sums use plain kernels, several times slower",
  "shader-f16": "half-precision weights are unpacked by hand, which costs little",
  "timestamp-query": "kernels cannot be timed one by one",
};

export function adviseWithoutAdapter(machine: Machine, platform: NodeJS.Platform = process.platform): string[] {
  if (platform === "darwin") return ["Metal is part of macOS; a virtual machine may offer no GPU to it."];
  if (platform === "win32") return ["Direct3D 12 is part of Windows; update the graphics driver."];
  const advice = [];
  if (machine.hasNvidiaDevice) advice.push(NVIDIA);
  else if (machine.hasRenderDevice)
    advice.push("There is a graphics device: install Mesa's Vulkan driver (Debian: mesa-vulkan-drivers libvulkan1).");
  const chosen = machine.environment.VK_DRIVER_FILES ?? machine.environment.VK_ICD_FILENAMES;
  if (chosen) advice.push(`The environment asks for the driver ${chosen}, which gives no adapter: unset VK_DRIVER_FILES.`);
  if (machine.drivers.length === 0) advice.push("The Vulkan loader finds no driver at all.");
  advice.push("Without a GPU, `npm run setup` gets a software driver into the project's folder, without root.");
  return advice;
}

export function advise(machine: Machine, facts: DeviceFacts): string[] {
  const advice = [];
  if (facts.isSoftware) {
    advice.push("This is a software adapter: right for tests and tiny models, slow for real ones.");
    if (machine.hasNvidiaDevice) advice.push(NVIDIA);
    else if (machine.hasRenderDevice) advice.push("There is a graphics device: its own Vulkan driver would be far faster.");
  }
  for (const [name, meaning] of Object.entries(WORTH_HAVING)) {
    if (!facts.features.includes(name)) advice.push(`No ${name}: ${meaning}.`);
  }
  if (facts.limits.maxStorageBufferBindingSize < 2 ** 27) {
    advice.push("Less than 128 MiB can be bound at once: large embeddings will not fit.");
  }
  return advice;
}

const NVIDIA =
  "There is an NVIDIA GPU, but Vulkan does not see it: install its driver with the Vulkan part (libnvidia-gl), and give containers NVIDIA_DRIVER_CAPABILITIES=all.";
