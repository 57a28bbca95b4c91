// What the device really does: the engine's own matmul, and its own element-wise kernel as a copy. Measured in f32 on sizes that a small
// transformer has, warmed up, best of three rounds of a fraction of a second each.
import type { Device } from "../device/device.js";
import { mul } from "../ops/elementwise.js";
import { linear } from "../ops/matmul.js";
import { persistent, type Tensor } from "../tensor.js";

export interface Peaks {
  matmulGflops: number;
  /** Sizes as [m, k, n], and why the engine chose the kernel that it ran. */
  matmul: { sizes: [number, number, number]; kernel: string; reason: string };
  copyGBs: number;
  copyBytes: number;
}

export async function measurePeaks(device: Device): Promise<Peaks> {
  const { isSoftware, limits } = device.facts;
  const edge = isSoftware ? 1024 : 2048;
  const x = filled(device, [edge, edge]);
  const w = filled(device, [edge, edge]);
  let kernel = "";
  let reason = "";
  let longest = -1;
  const before = device.onCall;
  device.onCall = (call) => {
    if (call.flops <= longest) return; // the matmul, not what packs its operands
    longest = call.flops;
    kernel = call.kernel.name;
    reason = call.reason;
  };
  device.scope(() => void linear(x, w));
  device.onCall = before;
  const flops = 2 * edge ** 3;
  const matmulSeconds = await secondsOf(device, () => linear(x, w));

  const copyBytes = Math.min(isSoftware ? 2 ** 25 : 2 ** 28, limits.maxStorageBufferBindingSize & ~255);
  const a = persistent(device, [copyBytes / 4]);
  const copySeconds = await secondsOf(device, () => mul(a, a)); // reads one array (twice, the second time from a cache), writes one
  for (const tensor of [x, w, a]) tensor.dispose();
  device.trim();
  return {
    matmulGflops: flops / matmulSeconds / 1e9,
    matmul: { sizes: [edge, edge, edge], kernel, reason },
    copyGBs: (2 * copyBytes) / copySeconds / 1e9,
    copyBytes,
  };
}

/** Seconds for one run of `body`: as many runs in a row as fill a fifth of a second, so that submits and waits do not count. */
async function secondsOf(device: Device, body: () => Tensor): Promise<number> {
  const probe = persistent(device, [1]);
  const time = async (runs: number) => {
    const start = performance.now();
    for (let i = 0; i < runs; i++) device.scope(() => void body());
    await probe.item(); // a read-back waits for everything before it
    return (performance.now() - start) / 1000;
  };
  await time(1); // compiles
  let runs = 1;
  for (let seconds = await time(runs); seconds < 0.2 && runs < 4096; seconds = await time(runs)) runs *= 2;
  const rounds = [await time(runs), await time(runs), await time(runs)];
  probe.dispose();
  return Math.min(...rounds) / runs;
}

function filled(device: Device, shape: [number, number]): Tensor {
  // Not zeros: some processors are faster on them.
  const values = Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => ((i * 2654435761) % 1000) / 1000 - 0.5);
  return persistent(device, shape, { values });
}
