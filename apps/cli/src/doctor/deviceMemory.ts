// How much memory a device has, as far as anyone can say: WebGPU does not. What is not known is null, never guessed.
import { execFile } from "node:child_process";
import { freemem } from "node:os";
import { promisify } from "node:util";
import type { DeviceFacts } from "@attune/kernels-wgsl";

export interface KnownMemory {
  bytes: number;
  /** "free on this machine" */
  what: string;
}

type Adapter = Pick<DeviceFacts, "isSoftware" | "adapter">;

export interface Sources {
  /** Memory that a process can still have here. */
  free(): number;
  /** What `nvidia-smi --query-gpu=memory.free --format=csv,noheader,nounits` prints: a GPU's MiB a line. */
  nvidia(): Promise<string>;
}

const REAL: Sources = {
  free: () => process.availableMemory?.() ?? freemem(), // the former knows of a container's limit
  async nvidia() {
    const words = ["--query-gpu=memory.free", "--format=csv,noheader,nounits"];
    return (await promisify(execFile)("nvidia-smi", words, { timeout: 3000 })).stdout;
  },
};

/** A software adapter has the machine's own; of NVIDIA's GPUs the driver is asked, where there is only one. */
export async function knownMemory({ isSoftware, adapter }: Adapter, sources: Sources = REAL): Promise<KnownMemory | null> {
  if (isSoftware) return { bytes: sources.free(), what: "free on this machine" };
  if (!/nvidia/i.test(`${adapter.vendor} ${adapter.description}`)) return null;
  const lines = (await sources.nvidia().catch(() => "")).trim().split(/\r?\n/);
  const mebibytes = Number(lines[0] || Number.NaN);
  return lines.length === 1 && mebibytes > 0 ? { bytes: mebibytes * 2 ** 20, what: "free on this GPU" } : null;
}
