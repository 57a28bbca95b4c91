// A device that refuses, breaks or hangs: each is an error of its own that says what was asked for and who holds the memory.
import { type KernelCall, softwareFacts } from "@attune/kernels-wgsl";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  AllocationError,
  DeviceError,
  DeviceLostError,
  DeviceStalledError,
  MemoryBudgetError,
  PipelineError,
} from "../errors.js";
import { type NodeDevice, openDevice } from "../node.js";
import { affine, relu } from "../ops/elementwise.js";
import { persistent, type Tensor, tensor } from "../tensor.js";
import { capture } from "./capture.js";
import { Device } from "./device.js";
import { nullBackend } from "./null.js";
import { WebGpuBackend } from "./webgpu.js";

/** A real device whose events a test can make up, and whose methods it can replace at any time. */
function puppet(real: NodeDevice) {
  const replaced: Record<string, () => never> = {};
  let onError: (event: { preventDefault(): void; error: Error }) => void = () => {};
  let lose: (info: { reason: string; message: string }) => void = () => {};
  const lost = new Promise<{ reason: string; message: string }>((resolve) => {
    lose = resolve;
  });
  const gpu = new Proxy(real.backend.gpu, {
    get(target, name: string) {
      if (name === "lost") return lost;
      if (name === "addEventListener") return (_: string, listener: typeof onError) => (onError = listener);
      if (replaced[name]) return replaced[name];
      const value = Reflect.get(target, name) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const device = new Device(new WebGpuBackend(gpu, real.facts));
  const report = (error: Error): void => onError({ preventDefault() {}, error });
  return { device, report, lose, replaced };
}
class GPUOutOfMemoryError extends Error {}

describe("the memory budget", () => {
  it("refuses an allocation beyond it and says who holds the rest", () => {
    const device = new Device(nullBackend(softwareFacts), 0, 10_000);
    const weight = device.persistent(6000, "model.weight", "weights");
    let caught: unknown;
    try {
      device.persistent(5000, "cache", "cache");
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(MemoryBudgetError);
    expect(caught).toBeInstanceOf(DeviceError);
    const { message, details, exitClass } = caught as MemoryBudgetError;
    expect(details).toMatchObject({ label: "cache", bytes: 5000, budgetBytes: 10_000, liveBytes: 6000, overBytes: 1000 });
    expect(details.live).toMatchObject({ weights: 6000, cache: 0 });
    expect(message).toContain("4000 bytes are left, 1000 bytes too few");
    expect(message).toContain("Largest holders: model.weight (weights) 6000 bytes");
    expect(exitClass).toBe("device");
    expect(device.memory.liveBytes).toBe(6000); // nothing was counted
    device.release(weight);
    device.persistent(5000, "cache", "cache"); // now it fits
  });

  it("gives up pooled memory before it refuses", () => {
    const device = new Device(nullBackend(softwareFacts), 0, 10_000);
    device.scope(() => device.allocate(8192, "lent"));
    expect(device.memory.liveBytes).toBe(8192); // kept for the next one
    device.persistent(9000, "weight", "weights");
    expect(device.memory.liveBytes).toBe(9000);
  });

  it("refuses a program before it takes anything, with its scratch and what would do", () => {
    const device = new Device(nullBackend(softwareFacts), 0, 20_000);
    void device.empty;
    const { liveBytes } = device.memory;
    const body = ({ x }: { x: Tensor }) => ({ y: affine(relu(x), 2) });
    const inputs = { x: { shape: [2000], dtype: "f32" } } as const;
    const tall = (): unknown => capture(device, "tall", inputs, body, undefined, { fuse: false });
    expect(tall).toThrow(MemoryBudgetError);
    expect(tall).toThrow(/capture of tall: a program with 8000 bytes of scratch \(8000 bytes live at once\) exceeds/);
    expect(device.memory.liveBytes).toBe(liveBytes);
    expect(() => capture(device, "fused", inputs, body).dispose()).not.toThrow(); // without scratch it fits
  });
});

describe("a device that fails", () => {
  let real: NodeDevice;
  beforeAll(async () => {
    real = await openDevice();
  });
  afterAll(() => real.destroy());

  it("has a budget when opened with one", async () => {
    const small = await openDevice({ budgetBytes: 2 ** 20 });
    expect(() => persistent(small, [2 ** 20])).toThrow(MemoryBudgetError);
    small.destroy();
  });

  it("reports a failed allocation with its label, bytes and holders", async () => {
    const { device, replaced } = puppet(real);
    const made = persistent(device, [1024], { label: "held" });
    replaced.createBuffer = () => {
      throw new RangeError("no memory");
    };
    const attempt = (): unknown => persistent(device, [4096], { label: "wanted" });
    expect(attempt).toThrow(AllocationError);
    expect(attempt).toThrow("wanted: no buffer of 16384 bytes: no memory. Largest holders: held (weights) 4096 bytes");
    expect(device.memory.live.weights).toBe(4096);
    made.dispose();
  });

  it("gives up what nothing uses and tries a refused allocation once more", () => {
    const { device, replaced } = puppet(real);
    device.scope(() => device.allocate(8192, "lent"));
    const pooled = device.memory.live.activations;
    const fail = (): never => {
      delete replaced.createBuffer; // memory is there again
      throw new RangeError("no memory");
    };
    replaced.createBuffer = fail;
    const made = persistent(device, [4096], { label: "wanted" });
    expect(pooled).toBeGreaterThan(0);
    expect(device.memory.live.activations).toBe(0);
    made.dispose();
  });

  it("finds out about an allocation that the device refuses later, by label and size", async () => {
    const { device, replaced } = puppet(real);
    const scopes: (Error | null)[] = [null, new GPUOutOfMemoryError("out of it")];
    replaced.popErrorScope = (() => Promise.resolve(scopes.shift() ?? null)) as () => never;
    persistent(device, [4096], { label: "wanted" }).dispose();
    await new Promise((resolve) => setTimeout(resolve));
    expect(() => device.backend.flush()).toThrow(/^wanted: no buffer of 16384 bytes: out of it\. Use a smaller batch/);
    expect(() => device.backend.flush()).not.toThrow();
  });

  it("makes nothing for a read-back after the first of its size", async () => {
    const x = persistent(real, [4], { values: Float32Array.of(1, 2, 3, 4) });
    await x.toArray();
    const { buffers } = real.backend.stats;
    for (let i = 0; i < 3; i++) expect([...(await x.toArray())]).toEqual([1, 2, 3, 4]);
    expect(real.backend.stats.buffers).toBe(buffers);
    x.dispose();
  });

  it("reports what Dawn says later, typed by what it says", async () => {
    const { device, report } = puppet(real);
    persistent(device, [1024], { label: "held" });
    report(new GPUOutOfMemoryError('Failed to allocate memory for [Buffer "scratch 3"].'));
    expect(() => device.backend.flush()).toThrow(AllocationError);
    report(new Error('[Invalid ShaderModule "norm/rms"] is invalid'));
    expect(() => device.backend.flush()).toThrow(PipelineError);
    report(new Error("something else"));
    expect(() => device.backend.flush()).toThrow(DeviceError);
    expect(() => device.backend.flush()).not.toThrow(); // each is reported once
  });

  it("is lost for good: everything that follows says so", async () => {
    const { device, lose } = puppet(real);
    const x = persistent(device, [4], { values: Float32Array.of(1, 2, 3, 4) });
    const program = capture(device, "twice", {}, () => ({ y: affine(x, 2) }));
    lose({ reason: "unknown", message: "VK_ERROR_DEVICE_LOST" });
    await Promise.resolve();
    expect(() => program.run()).toThrow(DeviceLostError);
    expect(() => relu(x)).toThrow(/device lost: VK_ERROR_DEVICE_LOST.*resume from the last checkpoint/);
    expect(() => persistent(device, [4])).toThrow(DeviceLostError);
    await expect(x.toArray()).rejects.toThrow(DeviceLostError);
  });

  it("does not wait for ever", async () => {
    const stuck = await openDevice({ wait: () => new Promise(() => {}), stallMs: 30 });
    const x = tensor(stuck, [1, 2], [2]);
    await expect(x.toArray()).rejects.toThrow(DeviceStalledError);
    await expect(x.toArray()).rejects.toThrow(/nothing was finished in 0\.03 s, while a read-back of 16 bytes waits/);
    stuck.destroy();
  });

  it("lets nobody run far ahead of it", async () => {
    const { backend } = real;
    const x = persistent(real, [4], { values: Float32Array.of(1, 2, 3, 4) });
    const program = capture(real, "twice", {}, () => ({ y: affine(x, 2) }));
    for (let i = 0; i < 8; i++) program.run();
    await backend.pace(2);
    await backend.pace(0);
    expect(backend.submitsRunning).toBe(0);
    program.dispose();
  });

  it("cuts a program on a GPU into submits of bounded work", async () => {
    const device = new Device(new WebGpuBackend(real.backend.gpu, { ...real.facts, isSoftware: false }));
    const backend = device.backend as WebGpuBackend;
    const x = persistent(device, [4], { values: Float32Array.of(-1, 2, -3, 4) });
    const calls: KernelCall[] = [];
    device.onCall = (call) => calls.push(call);
    const y = relu(x);
    await y.toArray();
    backend.clear(y.storage.place());
    const long = { call: { ...calls[0]!, flops: 2e11 }, places: [x.storage.place(), y.storage.place()] };
    const program = backend.prepare("three long calls", [long, long, long]);
    const before = backend.stats.submits;
    program.run();
    expect(backend.stats.submits - before).toBe(3); // each call by itself
    expect([...(await y.toArray())]).toEqual([0, 2, 0, 4]);
    program.dispose();
  });

  it("blames the kernel whose text does not compile", async () => {
    let isBroken = true;
    const rewrite = (_: unknown, code: string): string => (isBroken ? code.replace("fn main(", "fn main(oops ") : code);
    const broken = await openDevice({ rewrite });
    const run = async (): Promise<void> => {
      const y = broken.scope(() => relu(tensor(broken, [1], [1])));
      await y.toArray();
      broken.backend.flush();
    };
    const failure = await run().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PipelineError);
    expect((failure as Error).message).toMatch(
      /^kernel elementwise\/unary, elementwise\/unary\.wgsl:\d+:\d+: .*attune kernels show elementwise\/unary$/,
    );
    isBroken = false;
    await run(); // a pipeline that failed is not kept
    broken.destroy();
  });

  it("refuses eager params beyond their place", () => {
    const params = Array.from({ length: 65 }, (_, i) => ({ name: `p${i}`, type: "u32" as const }));
    const kernel = { name: "wide", code: "", uses: [], bindings: [], params };
    const call = { kernel, variant: {}, params: {}, workgroups: [1, 1, 1] as const, reason: "", flops: 0, bytes: 0 };
    expect(() => real.run(call, {})).toThrow("kernel wide: its 272 bytes of params exceed the 256 that an eager call has");
  });
});
