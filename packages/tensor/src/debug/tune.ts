// Times matmul variants on a device: what tuneMatmul (kernels-wgsl) decides by.
import { type MatmulChoice, type MatmulSizes, type MatmulTimer, planMatmul, tuneMatmul } from "@attune/kernels-wgsl";
import type { WebGpuDevice } from "../device/open.js";
import type { Storage } from "../device/storage.js";
import { callTimer } from "./timer.js";

export interface TuneOptions {
  /** Times that each candidate is measured; the best of them counts. */
  runs?: number;
  onShape?: (sizes: MatmulSizes, done: number, total: number) => void;
}

/**
 * Measures every candidate for each of these products, f32 operands of ones unless their storage says otherwise, and gives the table.
 * Shapes fall into classes (sizes rounded up to powers of two): one product a class is enough.
 */
export async function tuneDevice(
  device: WebGpuDevice,
  shapes: readonly MatmulSizes[],
  { runs = 7, onShape }: TuneOptions = {},
): Promise<MatmulChoice> {
  const { tuning: _, ...facts } = device.facts; // the rules' own choice is what others must beat
  const variants: Record<string, MatmulChoice["variants"][string]> = {};
  let fingerprint = "";
  for (const [done, sizes] of shapes.entries()) {
    onShape?.(sizes, done, shapes.length);
    const operands = operandsOf(device, sizes);
    const choice = await tuneMatmul([sizes], facts, timerOf(device, operands), runs);
    for (const storage of Object.values(operands)) device.release(storage);
    device.trim();
    Object.assign(variants, choice.variants);
    fingerprint = choice.fingerprint;
  }
  return { fingerprint, variants };
}

/** Every matrix as densely as its places say: nothing is read, so their values do not matter, but zeros are faster on some processors. */
function operandsOf(device: WebGpuDevice, sizes: MatmulSizes): Record<string, Storage> {
  const { layout, m, n, k, aStorage = "f32", bStorage = "f32", outer = 1, inner = 1 } = sizes;
  const filled = (name: string, rows: number, stride: number, isHalf: boolean): Storage => {
    const words = Math.ceil((outer * inner * rows * stride) / (isHalf ? 2 : 1) / 4) * 4;
    const storage = device.persistent(4 * words, `tune ${name}`, "activations");
    device.backend.write(storage.place(), new Uint32Array(words).fill(isHalf ? 0x3c003c00 : 0x3f800000));
    return storage;
  };
  return {
    a: filled("a", layout === "tn" ? k : m, sizes.a.rowStride, aStorage !== "f32"),
    b: filled("b", layout === "nt" ? n : k, sizes.b.rowStride, bStorage !== "f32"),
    c: filled("c", m, sizes.c.rowStride, false),
  };
}

/** On the device's clock, copies into textures included. */
function timerOf(device: WebGpuDevice, operands: Record<string, Storage>): MatmulTimer {
  return async (sizes) => {
    const { backend, facts } = device;
    const call = planMatmul(sizes, facts);
    const before = backend.probe;
    const timer = callTimer(backend.gpu);
    try {
      backend.flush();
      backend.probe = timer;
      device.run(call, operands);
      await backend.read({ ...operands.c!.place(), bytes: 16 });
      return timer.take().reduce((sum, { ms }) => sum + ms, 0);
    } finally {
      backend.probe = before;
      timer.dispose();
    }
  };
}
