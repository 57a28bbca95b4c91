// Every variant of the matmul against a plain f64 loop: layouts, storages, batches with gaps, epilogues, sizes about the tiles' edges.
// The ops reach only what planMatmul chooses here; this forces the rest, workgroup tiles for GPUs included.
import {
  type DeviceFacts,
  type KernelCall,
  MATRIX_FEATURE,
  type MatmulLayout,
  type MatmulSizes,
  type MatmulStorage,
  planBinary,
  planMatmul,
  planMatmulSteps,
  planPacked,
  planSplitK,
  planUnary,
  softwareFacts,
  specialize,
} from "@attune/kernels-wgsl";
import { narrowed } from "@attune/kernels-wgsl/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { create, globals } from "webgpu";
import type { Storage } from "../device/storage.js";
import { type NodeDevice, openDevice } from "../node.js";
import { persistent, type Tensor } from "../tensor.js";

import { generator } from "../testing/index.js";

const LONG = Boolean(process.env.ATTUNE_LONG);
/** Sums of up to 72 products below 1 in f32: the order of a sum may change its last bits. */
const BOUND = 1e-5;

type How = "vector" | "subgroup" | "texture" | "plain" | "workgroup" | "packed" | "split";
interface Job {
  how: How;
  layout: MatmulLayout;
  aStorage: MatmulStorage;
  bStorage: MatmulStorage;
  m: number;
  n: number;
  k: number;
  /** Batches [outer, inner] that lie with gaps between rows and matrices. */
  isBatched: boolean;
}

const LAYOUTS = ["nt", "nn", "tn"] as const;
const STORAGES = (LONG ? ["f32", "bf16", "f16"] : ["f32", "bf16"]) as readonly MatmulStorage[];
const SHAPES: Record<How, readonly (readonly [m: number, n: number, k: number])[]> = {
  vector: [[1, 20, 24], [2, 9, 72]],
  subgroup: [[36, 36, 20], [4, 32, 8]],
  texture: [[36, 36, 20], [17, 32, 8]],
  plain: [[9, 7, 5], [8, 8, 8]],
  workgroup: [[65, 66, 17], [3, 5, 33]],
  packed: [[33, 35, 29], [32, 64, 1]],
  split: [[12, 20, 24]],
}; // biome-ignore format: a line a variant

/** In the short mode few texts: halves for one layout only. */
const jobs: Job[] = (Object.keys(SHAPES) as How[]).flatMap((how) =>
  LAYOUTS.flatMap((layout) =>
    STORAGES.flatMap((aStorage) =>
      STORAGES.flatMap((bStorage) => {
        if (how === "vector" && (layout !== "nt" || aStorage !== "f32")) return [];
        if (how === "texture" && (layout === "tn" || aStorage !== "f32" || bStorage !== "f32")) return [];
        const isMixed = aStorage !== "f32" || bStorage !== "f32";
        const isCheap = how === "plain" || how === "packed" || (how === "vector" && bStorage !== "f16");
        if (!LONG && isMixed && !(isCheap && (layout === "nt" || how === "packed"))) return [];
        return SHAPES[how].flatMap(([m, n, k]) =>
          (how === "split" || how === "texture" ? [false] : [false, true]).map((isBatched) => ({
            how,
            layout,
            aStorage,
            bStorage,
            m,
            n,
            k,
            isBatched,
          })),
        );
      }),
    ),
  ),
);

describe("matmul variants", () => {
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  it.each(Object.keys(SHAPES) as How[])("%s", async (how) => {
    for (const job of jobs.filter((one) => one.how === how)) {
      const { ours, reference } = await run(device, job, device.facts);
      expect(worst(ours, reference), JSON.stringify(job)).toBeLessThan(BOUND);
    }
  });

  it("counts tiles beyond one dimension of the grid", async () => {
    const few: DeviceFacts = { ...device.facts, limits: { ...device.facts.limits, maxComputeWorkgroupsPerDimension: 5 } };
    for (const how of ["subgroup", "plain", "packed", "workgroup"] as const) {
      const job = {
        how,
        layout: "nt",
        aStorage: "f32",
        bStorage: "f32",
        m: 17,
        n: 34,
        k: 8,
        isBatched: how !== "plain",
      } as const;
      const { ours, reference, calls } = await run(device, job, few);
      expect(calls.at(-1)!.workgroups[1], how).toBeGreaterThan(how === "packed" ? 0 : 1);
      expect(worst(ours, reference), how).toBeLessThan(BOUND);
    }
  });

  it("gives the same bits again where k is split", async () => {
    const job = { how: "split", layout: "tn", aStorage: "f32", bStorage: "f32", m: 12, n: 20, k: 24, isBatched: false } as const;
    const [first, second] = [await run(device, job, device.facts), await run(device, job, device.facts)];
    expect(second.ours).toEqual(first.ours);
  });

  it.each(LAYOUTS)("%s: an epilogue has the bits of the kernels it replaces", async (layout) => {
    const [m, n, k] = [20, 36, 12];
    const random = generator(5);
    const values = (count: number): Float32Array => Float32Array.from({ length: count }, () => random() * 4 - 2);
    const put = (count: number): Tensor => persistent(device, [count], { values: values(count) });
    const [a, b, bias, residual, c, t] = [put(m * k), put(n * k), put(n), put(m * n), put(m * n), put(m * n)];
    const spread = persistent(device, [m * n], {
      values: Float32Array.from({ length: m * n }, (_, i) => 0 * i),
    });
    spread.write(Float32Array.from(await repeat(bias, m)));
    const place = { a: { rowStride: layout === "tn" ? m : k }, b: { rowStride: layout === "nt" ? k : n }, c: { rowStride: n } };
    const sizes: MatmulSizes = { layout, m, n, k, alpha: 0.7, ...place };
    for (const activation of ["relu", "geluNew"] as const) {
      const call = planMatmul({ ...sizes, epilogue: { bias: true, activation, residual: true } }, device.facts);
      device.run(call, storagesOf({ a, b, c, bias, residual }));
      const fused = (await c.toArray()).slice();
      device.run(planMatmul(sizes, device.facts), storagesOf({ a, b, c: t }));
      device.run(planBinary({ op: "add", count: m * n }, device.facts), storagesOf({ a: t, b: spread, y: c }));
      device.run(planUnary({ op: activation, count: m * n }, device.facts), storagesOf({ x: c, y: t }));
      device.run(planBinary({ op: "add", count: m * n }, device.facts), storagesOf({ a: t, b: residual, y: c }));
      expect(await c.toArray(), activation).toEqual(fused);
    }
    for (const tensor of [a, b, bias, residual, c, t, spread]) tensor.dispose();
  });
});

it("matrix units: the text compiles on Dawn's null backend, for every size of fragment", async () => {
  Object.assign(globalThis, globals);
  const gpu = create(["backend=null", "enable-dawn-features=allow_unsafe_apis"]);
  const adapter = await gpu.requestAdapter();
  const wanted = [MATRIX_FEATURE, "shader-f16", "subgroups"];
  expect([...adapter!.features]).toEqual(expect.arrayContaining(wanted));
  const device = await adapter!.requestDevice({ requiredFeatures: wanted as GPUFeatureName[] });
  for (const [m, n, k] of [
    [8, 8, 8],
    [16, 16, 16],
    [16, 8, 16],
    [32, 32, 16],
  ] as const) {
    const facts: DeviceFacts = {
      ...softwareFacts,
      isSoftware: false,
      subgroupSize: 32,
      features: wanted,
      matrixConfigs: [{ component: "f16", result: "f32", m, n, k }],
    }; // biome-ignore format: few lines
    for (const storage of ["f32", "bf16", "f16"] as const) {
      const sizes: MatmulSizes = {
        layout: "nt",
        m: 70,
        n: 70,
        k: 70,
        a: { rowStride: 70 },
        b: { rowStride: 70 },
        c: { rowStride: 70 },
      };
      const code = specialize(planMatmul({ ...sizes, aStorage: storage, bStorage: storage, force: "matrix" }, facts));
      const info = await device.createShaderModule({ code }).getCompilationInfo();
      const errors = info.messages.filter(({ type }) => type === "error");
      expect(errors.map(({ lineNum, linePos, message }) => `${m}x${n}x${k} ${storage} ${lineNum}:${linePos} ${message}`)).toEqual(
        [],
      );
    }
  }
  device.destroy();
});

/** The bits of a [n] repeated m times. */
async function repeat(row: Tensor, m: number): Promise<number[]> {
  const values = [...(await row.toArray())] as number[];
  return Array.from({ length: m }, () => values).flat();
}

function storagesOf(tensors: Record<string, Tensor>): Record<string, Storage> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.storage]));
}

/** Runs a job, and the same in f64. */
async function run(
  device: NodeDevice,
  job: Job,
  facts: DeviceFacts,
): Promise<{ ours: Float32Array; reference: Float64Array; calls: KernelCall[] }> {
  const { how, layout, aStorage, bStorage, m, n, k, isBatched } = job;
  const [outer, inner] = isBatched ? [2, 3] : [1, 1];
  const gap = isBatched ? 8 : 0; // between rows: other heads lie there
  const matrix = (rows: number, cols: number) => ({
    size: rows * (cols + gap) * outer * inner,
    place: {
      rowStride: cols + gap,
      outerStride: isBatched ? inner * rows * (cols + gap) : 0,
      innerStride: isBatched ? rows * (cols + gap) : 0,
    },
  });
  const [atA, atB, atC] = [
    matrix(...(layout === "tn" ? ([k, m] as const) : ([m, k] as const))),
    matrix(...(layout === "nt" ? ([n, k] as const) : ([k, n] as const))),
    matrix(m, n),
  ];
  const random = generator(m + 100 * n + 10_000 * k);
  const draw = (count: number, storage: MatmulStorage) => {
    const data = Float64Array.from({ length: count }, () => Math.fround(random() * 2 - 1));
    const half = storage === "f32" ? null : narrowed(storage, data);
    const tensor = persistent(
      device,
      [count],
      half ? { dtype: storage, values: half.words } : { values: Float32Array.from(data) },
    );
    return { data: half?.values ?? data, tensor };
  };
  const [a, b, c, bias, residual] = [
    draw(atA.size, aStorage),
    draw(atB.size, bStorage),
    draw(atC.size, "f32"),
    draw(n, "f32"),
    draw(atC.size, "f32"),
  ];
  const epilogue = how === "split" ? undefined : ({ bias: true, activation: "relu", residual: true } as const);
  const sizes: MatmulSizes = {
    layout, m, n, k, outer, inner, aStorage, bStorage, alpha: 0.75, accumulate: true, a: atA.place, b: atB.place, c: atC.place,
    ...(epilogue ? { epilogue } : {}),
  }; // biome-ignore format: few lines
  const isForced = how !== "packed" && how !== "split";
  const plan =
    how === "packed"
      ? planPacked(sizes, facts)
      : how === "split"
        ? planSplitK(sizes, 3, facts)
        : planMatmulSteps({ ...sizes, ...(isForced ? { force: how } : {}) }, facts);
  const storages: Record<string, Storage> = storagesOf({
    a: a.tensor,
    b: b.tensor,
    c: c.tensor,
    bias: bias.tensor,
    residual: residual.tensor,
  });
  for (const [name, bytes] of Object.entries(plan.scratch)) storages[name] = device.allocate(bytes, name);
  for (const { call, bound } of plan.steps) {
    device.run(call, Object.fromEntries(Object.entries(bound).map(([binding, name]) => [binding, storages[name]!])));
  }
  const ours = (await c.tensor.toArray()) as Float32Array;
  const reference = Float64Array.from(c.data); // gaps must stay as they were
  for (let z = 0; z < outer * inner; z++) {
    const base = ({ place }: typeof atA): number => Math.floor(z / inner) * place.outerStride + (z % inner) * place.innerStride;
    for (let row = 0; row < m; row++) {
      for (let col = 0; col < n; col++) {
        let sum = 0;
        for (let i = 0; i < k; i++) {
          const left = layout === "tn" ? i * atA.place.rowStride + row : row * atA.place.rowStride + i;
          const right = layout === "nt" ? col * atB.place.rowStride + i : i * atB.place.rowStride + col;
          sum += a.data[base(atA) + left]! * b.data[base(atB) + right]!;
        }
        sum *= 0.75;
        const at = base(atC) + row * atC.place.rowStride + col;
        if (epilogue) sum = Math.max(0, sum + bias.data[col]!) + residual.data[at]!;
        reference[at]! += sum;
      }
    }
  }
  for (const name of Object.keys(plan.scratch)) device.release(storages[name]!);
  for (const { tensor } of [a, b, c, bias, residual]) tensor.dispose();
  return { ours, reference, calls: plan.steps.map(({ call }) => call) };
}

function worst(ours: ArrayLike<number>, reference: Float64Array): number {
  let error = ours.length === reference.length ? 0 : Number.POSITIVE_INFINITY;
  reference.forEach((value, i) => {
    const here = Math.abs(ours[i]! - value) / (1 + Math.abs(value));
    error = Number.isNaN(here) ? Number.POSITIVE_INFINITY : Math.max(error, here);
  });
  return error;
}
