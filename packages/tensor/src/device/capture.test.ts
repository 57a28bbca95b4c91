import { planUnary, softwareFacts } from "@attune/kernels-wgsl";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { backward } from "../autograd.js";
import { type NodeDevice, openDevice } from "../node.js";
import { dropout } from "../ops/dropout.js";
import { add, affine, mul, relu, square } from "../ops/elementwise.js";
import { linear } from "../ops/matmul.js";
import { sum } from "../ops/reduce.js";
import { AdamW } from "../optim/adamW.js";
import { ParameterSet } from "../optim/parameterSet.js";
import { ProgramState } from "../programState.js";
import { parameter, persistent, type Tensor, tensor } from "../tensor.js";
import { capture } from "./capture.js";
import { Device } from "./device.js";
import { nullBackend } from "./null.js";
import { ScratchSet } from "./scratch.js";

const vector = (size: number) => ({ shape: [size], dtype: "f32" }) as const;

describe("capture", () => {
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  it("replays with new inputs and keeps those not given", async () => {
    const program = capture(device, "axpy", { x: vector(4), y: vector(4) }, ({ x, y }) => ({ z: add(x, y, 2) }));
    program.run({ x: Float32Array.of(1, 2, 3, 4), y: Float32Array.of(1, 1, 1, 1) });
    expect([...(await program.read("z"))]).toEqual([3, 4, 5, 6]);
    program.run({ x: Float32Array.of(0, 0, 0, 0) });
    expect([...(await program.read("z"))]).toEqual([2, 2, 2, 2]);
    program.dispose();
  });

  it("drops calls that nothing needs", () => {
    const program = capture(device, "dead", { x: vector(8) }, ({ x }) => {
      relu(square(x)); // never returned
      return { y: affine(x, 2) };
    });
    expect(program.plan.dispatches).toBe(1);
    program.dispose();
  });

  it("shares memory between storages that never live at once", () => {
    const scratch = new ScratchSet(device);
    const program = capture(
      device,
      "chain",
      { x: vector(1024) },
      ({ x }) => {
        let y = x;
        for (let i = 0; i < 10; i++) y = affine(y, 1.5);
        return { y };
      },
      scratch,
      { fuse: false }, // one call would do it all
    );
    expect(program.plan.lowerBoundBytes).toBe(2 * 4096);
    expect(program.plan.scratchBytes).toBe(2 * 4096); // ten results in two buffers
    expect(scratch.bytes).toBe(2 * 4096);
    program.dispose();
    scratch.dispose();
  });

  it("binds again when another program makes the shared scratch grow", async () => {
    const scratch = new ScratchSet(device);
    const make = (size: number) =>
      capture(device, `${size}`, { x: vector(size) }, ({ x }) => ({ y: affine(affine(x, 2), 3) }), scratch);
    const small = make(4);
    small.run({ x: Float32Array.of(1, 2, 3, 4) });
    expect([...(await small.read("y"))]).toEqual([6, 12, 18, 24]);
    const large = make(4000);
    small.run({ x: Float32Array.of(4, 3, 2, 1) });
    expect([...(await small.read("y"))]).toEqual([24, 18, 12, 6]);
    for (const made of [small, large, scratch]) made.dispose();
  });

  it("keeps a weight that is disposed of while it is bound, and gives it back in the end", async () => {
    device.trim();
    const before = device.memory.liveBytes;
    const weight = persistent(device, [4], { label: "weight", values: Float32Array.of(1, 2, 3, 4) });
    const program = capture(device, "bound", { x: vector(4) }, ({ x }) => ({ y: mul(x, weight) }));
    weight.dispose();
    program.run({ x: Float32Array.of(1, 1, 1, 1) });
    expect([...(await program.read("y"))]).toEqual([1, 2, 3, 4]);
    program.scratch.dispose();
    program.dispose();
    device.trim();
    expect(device.memory.liveBytes).toBe(before);
  });

  it("leaves the programs before it as they were where the device refuses its scratch", async () => {
    const scratch = new ScratchSet(device);
    const squares = (size: number) =>
      capture(device, `of ${size}`, { x: vector(size) }, ({ x }) => ({ y: sum(affine(square(x), 2)) }), scratch, { fuse: false });
    const small = squares(64);
    const create = device.createBuffer;
    const before = device.memory.liveBytes;
    device.createBuffer = (bytes, label, category) => {
      if (label.startsWith("scratch") && bytes > 256) throw new Error("no room");
      return create.call(device, bytes, label, category);
    };
    expect(() => squares(4096)).toThrow("no room");
    device.createBuffer = create;
    expect(device.memory.liveBytes).toBe(before);
    small.run({ x: new Float32Array(64).fill(1) });
    expect([...(await small.read("y"))]).toEqual([128]);
    small.dispose();
    scratch.dispose();
  });

  it("refuses inputs of another size or name", () => {
    const program = capture(device, "sized", { x: vector(4) }, ({ x }) => ({ y: relu(x) }));
    expect(() => program.run({ x: new Float32Array(5) })).toThrow("input x [4] needs 4 values, got 5");
    expect(() => program.run({ z: new Float32Array(4) } as never)).toThrow("no input named z");
    program.dispose();
  });

  it("draws a new dropout mask each step, and the same one again for the same step", async () => {
    const state = new ProgramState(device, { seed: 7 });
    const ones = persistent(device, [256], { values: new Float32Array(256).fill(1) });
    const program = capture(device, "dropout", {}, () => ({ y: dropout(ones, { p: 0.5, site: 1, state }) }));
    const at = async (step: number, micro: number): Promise<string> => {
      state.set({ step, micro });
      program.run();
      return (await program.read("y")).join();
    };
    const first = await at(0, 0);
    expect(await at(1, 0)).not.toBe(first);
    expect(await at(0, 1)).not.toBe(first);
    expect(await at(0, 0)).toBe(first);
    const kept = first.split(",").filter((value) => value === "2").length;
    expect(kept).toBeGreaterThan(90); // of 256 at p = 0.5: seven standard deviations
    expect(kept).toBeLessThan(166);
    for (const made of [program, state, ones]) made.dispose();
  });

  it("follows a changed learning rate", async () => {
    const set = new ParameterSet(device, [{ name: "w", shape: [4], decays: false }]);
    const optimizer = new AdamW(set, { weightDecay: 0, clipNorm: 0 });
    const w = set.get("w");
    const program = capture(device, "update", {}, () => {
      optimizer.step();
      return {};
    });
    const moved = async (t: number, lr: number): Promise<number> => {
      w.write(new Float32Array(4));
      w.grad!.write(Float32Array.of(1, 1, 1, 1));
      optimizer.schedule(t, lr);
      program.run();
      return (await w.toArray())[0]!;
    };
    expect(await moved(1, 0.1)).toBeCloseTo(-0.1, 6); // Adam's first step is lr itself
    expect(await moved(2, 0.5)).toBeCloseTo(-0.5, 5); // the same program, replayed
    for (const made of [program, optimizer, set]) made.dispose();
  });

  it("plans on paper what it allocates on the device", () => {
    const build = (on: Device) => {
      const before = on.memory.liveBytes;
      const w = parameter(on, new Float32Array(64 * 64), [64, 64]);
      const program = capture(on, "step", { x: { shape: [16, 64], dtype: "f32" } }, ({ x }) => {
        const loss = sum(square(linear(relu(linear(x, w)), w)));
        backward(loss);
        return { loss };
      });
      const bytes = on.memory.liveBytes - before;
      return { bytes, plan: program.plan };
    };
    const measuredBefore = device.measured.liveBytes;
    const real = build(device);
    const paper = build(new Device(nullBackend({ ...device.facts })));
    expect(paper.plan).toEqual(real.plan);
    expect(device.measured.liveBytes - measuredBefore).toBe(real.bytes);
    expect(Math.abs(paper.bytes - real.bytes)).toBeLessThanOrEqual(64); // the empty binding, made on first use
  });

  it("trains without allocating after the first step", async () => {
    const w = parameter(
      device,
      Float32Array.from({ length: 64 }, (_, i) => Math.sin(i)),
      [8, 8],
    );
    const program = capture(device, "step", { x: { shape: [4, 8], dtype: "f32" } }, ({ x }) => {
      const loss = sum(square(linear(x, w)));
      backward(mul(loss, tensor(device, [0.01], [])));
      return { loss };
    });
    program.run({ x: new Float32Array(32).fill(0.5) });
    await program.read("loss");
    const { liveBytes } = device.memory;
    const { texts } = device.backend.stats;
    for (let i = 0; i < 20; i++) program.run();
    await program.read("loss");
    expect(device.memory.liveBytes).toBe(liveBytes);
    expect(device.backend.stats.texts).toBe(texts);
    program.dispose();
    w.dispose();
  });
});

describe("planning without a device", () => {
  it("refuses more workgroups than the device starts, and leaves nothing behind", () => {
    const limits = { ...softwareFacts.limits, maxComputeWorkgroupsPerDimension: 8 };
    const device = new Device(nullBackend({ ...softwareFacts, limits }));
    const w = persistent(device, [512, 4]);
    void device.empty; // made on first use and kept
    const { liveBytes } = device.memory;
    const inputs = { x: { shape: [8, 4], dtype: "f32" } } as const;
    const body = ({ x }: { x: Tensor }) => {
      const y = add(linear(x, w), tensor(device, [1], [1])); // owns a constant by now
      device.run(
        { ...planUnary({ op: "relu", count: 4 }, device.facts), workgroups: [1, 32, 1] },
        { x: x.storage, y: y.storage },
      );
      return { y };
    };
    expect(() => capture(device, "tall", inputs, body)).toThrow(/elementwise\/unary: 1 x 32 x 1 workgroups exceed the 8/);
    expect(device.isCapturing).toBe(false);
    expect(device.memory.liveBytes).toBe(liveBytes);
  });

  it("refuses to record what no replay would repeat", () => {
    const device = new Device(nullBackend(softwareFacts));
    const set = new ParameterSet(device, [{ name: "w", shape: [4], decays: true }]);
    const body = () => {
      set.zeroGrad();
      return {};
    };
    expect(() => capture(device, "step", {}, body)).toThrow("zeroGrad: a program cannot record it");
  });

  it("an output counts its writes, so that another program knows when what it made of it is out of date", () => {
    const device = new Device(nullBackend(softwareFacts));
    void device.empty; // made on first use and kept
    const { liveBytes } = device.memory;
    const program = capture(device, "memory", { x: vector(4) }, ({ x }) => ({ k: relu(x) }));
    const { storage } = program.outputs.k;
    const before = storage.place().version!();
    program.run();
    expect(storage.place().version!()).toBeGreaterThan(before);
    expect(storage.category).toBe("outputs");
    const reader = capture(device, "reader", {}, () => ({ y: relu(program.outputs.k) }));
    program.dispose(); // the reader still binds it
    reader.dispose();
    expect(device.memory.liveBytes).toBe(liveBytes);
  });

  it("knows dispatches, FLOPs and memory", () => {
    const device = new Device(nullBackend(softwareFacts));
    const w = parameter(device, new Float32Array(32 * 64), [32, 64]);
    const program = capture(device, "paper", { x: { shape: [8, 64], dtype: "f32" } }, ({ x }) => ({ y: linear(x, w) }));
    expect(program.plan).toMatchObject({ dispatches: 1, flops: 2 * 8 * 32 * 64, scratchBytes: 0 });
    expect(device.memory.live).toMatchObject({
      weights: 32 * 64 * 4,
      gradients: 32 * 64 * 4,
      inputs: 8 * 64 * 4,
      outputs: 8 * 32 * 4,
    });
  });
});
