// Attention beyond the harness's cases: the kernels of other devices, memory by length, refusals.
import { softwareFacts } from "@attune/kernels-wgsl";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { backward } from "../autograd.js";
import { capture } from "../device/capture.js";
import { Device } from "../device/device.js";
import { nullBackend } from "../device/null.js";
import { type NodeDevice, openDevice } from "../node.js";
import { parameter, type Tensor, tensor } from "../tensor.js";
import { attentionCases } from "../testing/cases/attention.js";
import { type Dims, runCase } from "../testing/index.js";
import { runInPieces } from "../testing/pieces.js";
import { attention } from "./attention.js";
import { sum } from "./reduce.js";

/** Cases that reach every condition of the kernels; the long mode takes all. */
const SHORT = ["attention, every condition at once", "attention, bias", "attention, plain"];
const cases = attentionCases.filter(({ name }) => process.env.ATTUNE_LONG || SHORT.includes(name));

describe("attention's flash kernels for GPUs", () => {
  const devices: Record<string, () => Promise<NodeDevice>> = {
    "subgroups shared by broadcast": async () => asGpu(await openDevice()),
    "workgroups folded into two dimensions": async () =>
      asGpu(await openDevice({ limits: { maxComputeWorkgroupsPerDimension: 90 } })),
    "lanes that work alone, without subgroups": () => openDevice({ without: ["subgroups"] }),
  };
  for (const [name, open] of Object.entries(devices)) {
    it(name, { timeout: 300_000 }, async () => {
      const device = await open();
      const used = new Set<string>();
      device.onCall = (call) => used.add(call.kernel.name.replace(/<.*/, ""));
      for (const opCase of cases) {
        for (const { why, ...dims } of opCase.edges) {
          const { failures } = await runCase(device, opCase, { dims: dims as Dims, seed: 1 });
          expect(failures, `${opCase.name} ${JSON.stringify(dims)}: ${why}`).toEqual([]);
        }
      }
      expect([...used].filter((kernel) => kernel.startsWith("attention/")).sort()).toEqual(
        expect.arrayContaining(["attention/delta", "attention/forward", "attention/keys", "attention/queries"]),
      );
      device.destroy();
    });
  }
});

describe("attention's flash kernels over operands larger than a binding", () => {
  it("have the bits of one binding: dropout, segments and the table's gradient", { timeout: 120_000 }, async () => {
    const without = ["subgroups"] as const; // tiles that compile fast
    const whole = await openDevice({ without });
    const limits = { maxStorageBufferBindingSize: 8192, minStorageBufferOffsetAlignment: 16 };
    const limited = await openDevice({ without, limits });
    const opCase = attentionCases.find(({ name }) => name === "attention, every condition at once")!;
    const report = await runInPieces(whole, limited, opCase, { batch: 6, heads: 2, queries: 10, keys: 60, causal: 0 });
    expect(report?.otherBits).toEqual([]);
    expect(report?.extraCalls).toBeGreaterThan(0);
    whole.destroy();
    limited.destroy();
  });

  it("are refused by name where one entry of the batch is larger", async () => {
    const device = await openDevice({ limits: { maxStorageBufferBindingSize: 1024 } });
    const x = tensor(device, new Float32Array(2 * 40 * 8), [2, 40, 8]);
    expect(() => attention(x, x, x, { heads: 2 })).toThrow(
      /attention: one entry of the batch with 40 queries, 40 keys and 2 heads of 4 needs \d+ bytes .* more than the 1024 .*no axis/,
    );
    device.destroy();
  });
});

/** The same adapter, planned for as if it were a GPU. */
function asGpu(device: NodeDevice): NodeDevice {
  Object.assign(device.backend, { facts: { ...device.facts, isSoftware: false } });
  return device;
}

describe("attention's memory", () => {
  it("is linear in the length, forward and backward", () => {
    const scratch = (time: number): number => {
      const device = new Device(nullBackend(softwareFacts));
      const of = (): Tensor => parameter(device, new Float32Array(time * 64), [1, time, 64]);
      const [q, k, v] = [of(), of(), of()];
      const program = capture(device, "attention", {}, () => {
        const y = attention(q, k, v, { heads: 1, isCausal: true });
        const total = sum(y);
        backward(total);
        return { total };
      });
      return program.plan.scratchBytes;
    };
    const [short, long] = [scratch(1024), scratch(4096)];
    expect(long).toBeLessThanOrEqual(4.1 * short);
    expect(long).toBeLessThan(4096 * 4096); // bytes: a quarter of one [query, key] matrix
  });

  it("runs 4,096 tokens", { timeout: 600_000 }, async (context) => {
    if (!process.env.ATTUNE_LONG) context.skip("takes minutes: npm run test:long");
    const device = await openDevice();
    const time = 4096;
    const values = (seed: number): Float32Array => Float32Array.from({ length: time * 64 }, (_, i) => Math.sin(i * seed));
    const [q, k, v] = [1, 2, 3].map((seed) => parameter(device, values(seed), [1, time, 64])) as [Tensor, Tensor, Tensor];
    const { y } = device.scope(() => {
      const y = attention(q, k, v, { heads: 1, isCausal: true });
      backward(sum(y));
      return { y };
    });
    const out = (await y.toArray()) as Float32Array;
    expect(out.slice(0, 64)).toEqual(values(3).slice(0, 64)); // the first query sees the first key alone
    for (const { grad } of [q, k, v]) expect((await grad!.toArray()).every(Number.isFinite)).toBe(true);
    // the columns of every probability row add up to 1, so those of dv add up to the count of queries
    const dv = (await v.grad!.toArray()) as Float32Array;
    let total = 0;
    for (let i = 0; i < time; i++) total += dv[i * 64]!;
    expect(total / time).toBeCloseTo(1, 4);
    expect(device.measured.peakBytes).toBeLessThan(80 * 2 ** 20);
    device.destroy();
  });
});

describe("attention's refusals", () => {
  let device: Device;
  beforeAll(() => {
    device = new Device(nullBackend(softwareFacts));
  });
  afterAll(() => device.destroy());

  const of = (...shape: number[]): Tensor => tensor(device, new Float32Array(shape.reduce((a, b) => a * b)), shape);
  const numbers = (...shape: number[]): Tensor => tensor(device, new Int32Array(shape.reduce((a, b) => a * b)), shape);

  it("says what is wrong before anything reaches the device", () => {
    const [q, k] = [of(2, 3, 8), of(2, 5, 8)];
    expect(() => attention(q, k, of(2, 4, 8), { heads: 2 })).toThrow("q [2, 3, 8], k [2, 5, 8], v [2, 4, 8] must be");
    expect(() => attention(q, of(1, 5, 8), of(1, 5, 8), { heads: 2 })).toThrow("with one batch and 2 heads");
    expect(() => attention(q, k, k, { heads: 3 })).toThrow("3 heads");
    expect(() => attention(q, k, k, { heads: 2, mask: numbers(2, 3) })).toThrow("mask [2, 3] must be [batch, key] = [2, 5]");
    expect(() => attention(q, k, k, { heads: 2, mask: of(2, 5) })).toThrow("attention: mask must be i32, got f32");
    expect(() => attention(q, k, k, { heads: 2, segments: numbers(2, 5) })).toThrow(
      "segments of the queries [2, 5] must be [batch, query] = [2, 3]",
    );
    const bias = (table: Tensor, count: number, offset: number) => ({ bias: { table, buckets: numbers(count), offset } });
    expect(() => attention(q, k, k, { heads: 2, ...bias(of(4, 3), 7, 2) })).toThrow(
      "bias table [4, 3] must be [buckets, heads] with 2 heads",
    );
    expect(() => attention(q, k, k, { heads: 2, ...bias(of(4, 2), 6, 2) })).toThrow("must cover distances -2 to 4");
  });
});
