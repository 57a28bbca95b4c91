// Textures of frozen weights (decoding): copied once, again after a write, and gone with their buffer.
import { type Kernel, planAccumulate, TEXTURE_GAP, textureWidth } from "@attune/kernels-wgsl";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DType } from "../dtype.js";
import { AllocationError, MemoryBudgetError, PipelineError } from "../errors.js";
import { type NodeDevice, openDevice } from "../node.js";
import { noGrad } from "../op.js";
import { relu } from "../ops/elementwise.js";
import { linear } from "../ops/matmul.js";
import { persistent, type Tensor, tensor } from "../tensor.js";
import { capture } from "./capture.js";

const OUTPUTS = 40;
const INPUTS = 16;
const x = { shape: [4, INPUTS], dtype: "f32" } as const;
const ones = new Float32Array(4 * INPUTS).fill(1);

describe("kept textures", () => {
  let device: NodeDevice;
  /** Copies into textures that were encoded so far. */
  let copies = 0;
  let one: Tensor;
  beforeAll(async () => {
    device = await openDevice();
    one = persistent(device, [OUTPUTS, INPUTS], { label: "one" });
    one.write(new Float32Array(OUTPUTS * INPUTS).fill(1));
    const { gpu } = device.backend;
    const make = gpu.createCommandEncoder.bind(gpu);
    gpu.createCommandEncoder = () => {
      const encoder = make();
      const copy = encoder.copyBufferToTexture.bind(encoder);
      encoder.copyBufferToTexture = (...given) => {
        copies++;
        copy(...given);
      };
      return encoder;
    };
  });
  afterAll(() => device.destroy());

  const frozen = (value: number, dtype: DType = "f32"): Tensor => {
    const weight = persistent(device, [OUTPUTS, INPUTS], { dtype, label: "w" });
    weight.write(dtype === "f32" ? new Float32Array(OUTPUTS * INPUTS).fill(value) : bf16(value));
    return weight;
  };
  /** Pairs of the same value, of few bits. */
  const bf16 = (value: number): Uint16Array =>
    new Uint16Array(OUTPUTS * INPUTS).fill(new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16);

  it.each(["f32", "bf16"] as const)("%s: are copied once for all replays, and again after a write", async (dtype) => {
    const w = frozen(2, dtype);
    const program = noGrad(() => capture(device, "step", { x }, (given) => ({ y: linear(given.x, w) })));
    expect(program.calls[0]!.keeps).toEqual(["b"]);
    const before = copies;
    for (let i = 0; i < 3; i++) program.run({ x: ones });
    expect((await program.read("y"))[0]).toBe(2 * INPUTS);
    expect(copies - before).toBe(1);
    w.write(dtype === "f32" ? new Float32Array(OUTPUTS * INPUTS).fill(3) : bf16(3));
    for (let i = 0; i < 3; i++) program.run();
    expect((await program.read("y"))[OUTPUTS * 4 - 1]).toBe(3 * INPUTS);
    expect(copies - before).toBe(2);
    program.dispose();
    w.dispose();
  });

  it("are one for all programs and for eager calls", async () => {
    const w = frozen(1);
    const step = (label: string) => noGrad(() => capture(device, label, { x }, (given) => ({ y: linear(given.x, w) })));
    const programs = [step("one"), step("two")];
    const before = copies;
    for (const program of programs) program.run({ x: ones });
    const eager = await device.scope(() => noGrad(() => linear(tensor(device, ones, [4, INPUTS]), w))).toArray();
    expect(eager[0]).toBe(INPUTS);
    expect(copies - before).toBe(1);
    for (const program of programs) program.dispose();
    w.dispose();
  });

  it("follow what another program writes", async () => {
    const w = frozen(1);
    const reads = noGrad(() => capture(device, "reads", { x }, (given) => ({ y: linear(given.x, w) })));
    const writes = capture(device, "writes", {}, () => {
      raise(w);
      return {};
    });
    for (let value = 1; value <= 3; value++) {
      reads.run({ x: ones });
      expect((await reads.read("y"))[0]).toBe(value * INPUTS);
      writes.run();
    }
    reads.dispose();
    writes.dispose();
    w.dispose();
  });

  it("are not kept where the program itself writes the weight", async () => {
    const w = frozen(1);
    const program = noGrad(() =>
      capture(device, "both", { x }, (given) => {
        const before = linear(given.x, w);
        raise(w);
        return { before, after: linear(given.x, w) };
      }),
    );
    program.run({ x: ones });
    expect((await program.read("before"))[0]).toBe(INPUTS);
    expect((await program.read("after"))[0]).toBe(2 * INPUTS);
    program.dispose();
    w.dispose();
  });

  it("are wider where many rows would be too many", async () => {
    const [rows, inputs] = [8192 / 4 + 1, 4096]; // a row of texels more than 256 to a row allow
    const w = persistent(device, [rows, inputs], { label: "w" });
    w.write(
      Float32Array.from({ length: rows * inputs }, (_, i) => (Math.floor(i / inputs) % 1000) + (i % inputs === 0 ? 0.5 : 0)),
    );
    const one = tensor(device, new Float32Array(inputs).fill(1), [1, inputs]);
    const y = await device.scope(() => noGrad(() => linear(one, w))).toArray();
    expect(textureWidth((rows * inputs) / 4)).toBe(2 * textureWidth(1));
    expect([...y]).toEqual(Array.from({ length: rows }, (_, row) => inputs * (row % 1000) + 0.5));
    w.dispose();
  });

  it("count as memory while their buffer lives", () => {
    device.trim();
    const before = device.memory.liveBytes;
    const w = frozen(1);
    const program = noGrad(() => capture(device, "step", { x }, (given) => ({ y: linear(given.x, w) })));
    program.run({ x: ones });
    const row = 16 * (textureWidth(1) + TEXTURE_GAP);
    expect(device.memory.liveBytes - before).toBeGreaterThan(w.storage.bytes + row);
    expect(device.measured.liveBytes).toBe(device.memory.liveBytes);
    program.dispose();
    w.dispose();
    device.trim();
    expect(device.memory.liveBytes).toBe(before);
    expect(device.measured.liveBytes).toBe(before);
  });

  it("are copied again after a submit that the device dropped", async () => {
    let isBroken = true;
    const rewrite = ({ name }: Kernel, code: string): string =>
      isBroken && name === "elementwise/unary" ? code.replace("fn main(", "fn main(oops ") : code;
    const other = await openDevice({ rewrite });
    const w = persistent(other, [OUTPUTS, INPUTS], { values: new Float32Array(OUTPUTS * INPUTS).fill(1) });
    const x = persistent(other, [1, INPUTS], { values: new Float32Array(INPUTS).fill(1) });
    const y = (): Tensor => other.scope(() => noGrad(() => linear(x, w)));
    const both = async (): Promise<void> => {
      const product = y();
      relu(product);
      await product.toArray();
    };
    await expect(both()).rejects.toThrow(PipelineError);
    isBroken = false;
    expect((await y().toArray())[0]).toBe(INPUTS);
    other.destroy();
  });

  it("are asked for anew after one was refused, which is told with its size", async () => {
    const other = await openDevice();
    const { gpu } = other.backend;
    const make = gpu.createTexture.bind(gpu);
    gpu.createTexture = (descriptor) => {
      gpu.createTexture = make;
      return make({ ...descriptor, size: [100_000, 1] });
    };
    const w = persistent(other, [OUTPUTS, INPUTS], { values: new Float32Array(OUTPUTS * INPUTS).fill(1), label: "w" });
    const x = persistent(other, [1, INPUTS], { values: new Float32Array(INPUTS).fill(1) });
    const y = (): Tensor => other.scope(() => noGrad(() => linear(x, w)));
    const failure = await y()
      .toArray()
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AllocationError);
    expect((failure as Error).message).toMatch(/^operand rgba32float, .*: no texture of 4160 bytes: /);
    expect((await y().toArray())[0]).toBe(INPUTS);
    other.destroy();
  });

  it("of a program that has no room are not counted", async () => {
    const small = await openDevice({ budgetBytes: 40 * 2 ** 20 });
    const w = persistent(small, [1024, 1024], { label: "w" });
    void small.empty; // made on first use
    const before = small.memory.liveBytes;
    const step = (rows: number): { dispose(): void } =>
      noGrad(() =>
        capture(small, "step", { x: { shape: [rows, 1024], dtype: "f32" } }, (given) => ({ y: linear(linear(given.x, w), w) })),
      );
    expect(() => step(4096)).toThrow(MemoryBudgetError);
    small.trim();
    expect(small.memory.liveBytes).toBe(before);
    step(1024).dispose();
    small.destroy();
  });

  /** w = w + 1: what an update does. */
  function raise(w: Tensor): void {
    device.run(planAccumulate({ count: w.size }, device.facts), { y: w.storage, x: one.storage });
  }
});
