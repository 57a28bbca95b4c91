// Matmuls at the shapes of the Python peer's cases (x [m, k] times w [n, k]^T, as checkpoints store weights), and what training adds to
// them: dx = dy w (-nn) and dw = dy^T x (-tn). Frozen weights in bf16 are a case of their own where reading them is the cost.
import { type MatmulLayout, type MatmulStorage, planMatmulSteps } from "@attune/kernels-wgsl";
import type { NodeDevice } from "@attune/tensor/node";
import type { BenchCase, CaseMaker } from "../harness.js";

interface Shape {
  name: string;
  layout: MatmulLayout;
  m: number;
  k: number;
  n: number;
  aStorage?: MatmulStorage;
  bStorage?: MatmulStorage;
  /** A frozen weight, as decoding has it: run after run the same. */
  bIsConstant?: boolean;
  /** So much that software takes minutes for it. */
  needsGpu?: boolean;
}

/** Names and sizes (m, k, n) of bench/peer/torchPeer.py. */
const PEER: readonly Shape[] = (
  [
    ["matmul-512", 512, 512, 512],
    ["matmul-1024", 1024, 1024, 1024],
    ["matmul-2048", 2048, 2048, 2048],
    ["matmul-t5-small-ffn", 2048, 512, 2048],
    ["matmul-opt-1.3b-ffn", 1024, 2048, 8192],
    ["matmul-t5-small-lm-head", 512, 512, 32128],
    ["matvec-opt-1.3b-ffn", 1, 2048, 8192],
  ] as const
).map(([name, m, k, n]) => ({ name, layout: "nt", m, k, n }));

const OWN: readonly Shape[] = [
  { name: "matvec-opt-1.3b-ffn-bf16", layout: "nt", m: 1, k: 2048, n: 8192, bStorage: "bf16", bIsConstant: true },
  { name: "matmul-1024-bf16", layout: "nt", m: 1024, k: 1024, n: 1024, bStorage: "bf16" },
  ...(["nn", "tn"] as const).flatMap((layout): Shape[] => [
    { name: `matmul-1024-${layout}`, layout, m: 1024, k: 1024, n: 1024 },
    // dx [2048, 512] of the ffn, and its dw [2048, 512]
    { name: `matmul-t5-small-ffn-${layout}`, layout, m: 2048, k: 2048, n: 512 },
  ]),
  { name: "matmul-8-rows", layout: "nt", m: 8, k: 2048, n: 8192, bIsConstant: true },
  { name: "matmul-8-rows-bf16", layout: "nt", m: 8, k: 2048, n: 8192, bStorage: "bf16", bIsConstant: true },
  { name: "matmul-4096", layout: "nt", m: 4096, k: 4096, n: 4096, needsGpu: true },
  { name: "matmul-4096-f16", layout: "nt", m: 4096, k: 4096, n: 4096, aStorage: "f16", bStorage: "f16", needsGpu: true },
  {
    name: "matmul-4096-frozen-bf16",
    layout: "nt",
    m: 4096,
    k: 4096,
    n: 4096,
    bStorage: "bf16",
    bIsConstant: true,
    needsGpu: true,
  },
  { name: "matmul-odd", layout: "nt", m: 509, k: 511, n: 513 },
];

export function matmulCases(device: NodeDevice): readonly CaseMaker[] {
  return [...PEER, ...OWN].map((shape) => ({
    name: shape.name,
    needsGpu: shape.needsGpu,
    make: () => matmulCase(device, shape),
  }));
}

function matmulCase(
  device: NodeDevice,
  { name, layout, m, k, n, aStorage = "f32", bStorage = "f32", bIsConstant }: Shape,
): BenchCase {
  const sizes = {
    layout, m, n, k, aStorage, bStorage, bIsConstant,
    a: { rowStride: layout === "tn" ? m : k }, b: { rowStride: layout === "nt" ? k : n }, c: { rowStride: n },
  }; // biome-ignore format: few lines
  const { scratch, steps } = planMatmulSteps(sizes, device.facts);
  const sizeOf = (storage: MatmulStorage): number => (storage === "f32" ? 4 : 2);
  const bytes = { a: sizeOf(aStorage) * m * k, b: sizeOf(bStorage) * n * k, c: 4 * m * n, ...scratch };
  const storages = Object.fromEntries(
    Object.entries(bytes).map(([label, size]) => [label, device.persistent(size, label, "inputs")]),
  );
  for (const operand of ["a", "b"]) {
    const { buffer, offset } = storages[operand]!.place();
    const words = Uint32Array.from({ length: bytes[operand as "a" | "b"] / 4 }, (_, i) => 0x3c003c00 + (i % 509) * 0x10001);
    device.backend.write({ buffer, offset, bytes: words.byteLength }, words);
  }
  return {
    name,
    flops: 2 * m * n * k,
    bytes: bytes.a + bytes.b + bytes.c,
    async run(times) {
      for (let i = 0; i < times; i++) {
        for (const { call, bound } of steps) {
          const given = Object.entries(bound).flatMap(([binding, of]) =>
            storages[of] ? [[binding, storages[of]] as const] : [],
          );
          device.run(call, Object.fromEntries(given));
        }
      }
      await device.backend.read({ ...storages.c!.place(), bytes: 16 });
    },
    dispose() {
      for (const storage of Object.values(storages)) device.release(storage);
    },
  };
}
