// Passes on recorded programs, no device at hand: what they take, and what they must leave alone.
import { planUnary, softwareFacts } from "@attune/kernels-wgsl";
import { describe, expect, it } from "vitest";
import { backward } from "../../autograd.js";
import { accumulateInto, add, affine, geluNew, mul, relu } from "../../ops/elementwise.js";
import { linear } from "../../ops/matmul.js";
import { layerNorm, rmsNorm } from "../../ops/norm.js";
import { sum } from "../../ops/reduce.js";
import { parameter, persistent, type Tensor } from "../../tensor.js";
import { Device, type RecordedCall } from "../device.js";
import { nullBackend } from "../null.js";
import { Storage } from "../storage.js";
import { fuseChains } from "./chains.js";
import { fuseEpilogues } from "./epilogues.js";
import { runPasses } from "./fuse.js";

const paper = (facts = softwareFacts): Device => new Device(nullBackend(facts));

/** Records `body` and gives the calls after the passes: their kernels' names, generated ones without the hash. */
function passed(device: Device, body: () => readonly Tensor[]): { names: string[]; calls: RecordedCall[] } {
  let outputs: readonly Tensor[] = [];
  const { calls: recorded } = device.record(() => {
    outputs = body();
  });
  const context = { outputs: new Set(outputs.map(({ storage }) => storage.root)), facts: device.facts, empty: device.empty };
  const { calls } = runPasses(recorded, context, true);
  return { names: calls.map(({ call }) => call.kernel.name.replace(/#\w+/, "").replace(/<n[nt],.*/, "")), calls };
}
const vector = (device: Device, size = 64): Tensor => persistent(device, [size]);

describe("element-wise chains", () => {
  it("become one kernel that stores its last value alone", () => {
    const device = paper();
    const [x, y] = [vector(device), vector(device)];
    const { names, calls } = passed(device, () => [mul(affine(relu(x), 2), y)]);
    expect(names).toEqual(["elementwise/fused<relu+affine+mul>"]);
    expect(calls[0]!.call.kernel.bindings.map(({ access }) => access)).toEqual(["read", "read", "read_write"]);
    expect(calls[0]!.call.params).toMatchObject({ count: 64, alpha1: 2, beta1: 0 });
  });

  it("store what somebody else reads, too", () => {
    const device = paper();
    const x = vector(device);
    const { calls } = passed(device, () => {
      const a = relu(x);
      return [sum(a), affine(a, 2)];
    });
    expect(calls[0]!.call.kernel.name).toMatch(/fused<relu\+affine/);
    expect(calls[0]!.call.kernel.code).toMatch(/s1\[i\] = v0;\n {2}s2\[i\] = v1;/);
  });

  it("share a text whatever their numbers and sizes", () => {
    const device = paper();
    const kernelOf = (size: number, by: number) => {
      const x = vector(device, size);
      return passed(device, () => [relu(affine(x, by))]).calls[0]!.call.kernel;
    };
    expect(kernelOf(64, 2)).toBe(kernelOf(1000, 0.5));
  });

  it("reach over calls that do not touch them, in both directions", () => {
    const device = paper();
    const w = persistent(device, [8, 8]);
    const h = persistent(device, [8, 8]);
    // gelu sinks to the gate behind a matmul that it has no part in
    expect(passed(device, () => [mul(geluNew(affine(h, 2)), linear(h, w))]).names).toEqual([
      "matmul/subgroup",
      "elementwise/fused<affine+geluNew+mul>",
    ]);
  });

  it("keep their place between a write and a read of the same memory", () => {
    const device = paper();
    const [x, z] = [vector(device), vector(device)];
    const { names } = passed(device, () => {
      const a = relu(x); // reads x before it changes
      accumulateInto(z, x);
      return [add(a, x)]; // and here after: relu may neither sink nor may the sum rise
    });
    expect(names).toEqual(["elementwise/unary", "elementwise/fused<accumulate+add>"]);
  });

  it("bind every slice of a written arena as read_write", () => {
    const device = paper();
    const arena = device.persistent(1024, "arena", "weights");
    const slice = (at: number): Storage => arena.slice(at, 256, `slice ${at}`);
    const middle = new Storage(256, "middle", "activations", false);
    const unary = (x: Storage, y: Storage): RecordedCall => ({
      call: planUnary({ op: "relu", count: 64 }, softwareFacts),
      storages: [x, y],
    });
    const context = { outputs: new Set<Storage>(), facts: softwareFacts, empty: device.empty };
    const [fused] = fuseChains([unary(slice(0), middle), unary(middle, slice(256))], context);
    expect(fused!.call.kernel.bindings.map(({ access }) => access)).toEqual(["read_write", "read_write"]);
  });

  it("end where a dispatch can bind no more", () => {
    const limits = { ...softwareFacts.limits, maxStorageBuffersPerShaderStage: 4 };
    const device = paper({ ...softwareFacts, limits });
    const inputs = Array.from({ length: 4 }, () => vector(device));
    const { names } = passed(device, () => [inputs.reduce((total, x) => mul(total, x), inputs[0]!)]);
    expect(names.length).toBeGreaterThan(1);
  });

  it("take a row that repeats, and leave strides that are no row", () => {
    const device = paper();
    const x = persistent(device, [4, 8]);
    const [row, column] = [persistent(device, [8]), persistent(device, [4, 1])];
    expect(passed(device, () => [relu(mul(x, row))]).names).toEqual(["elementwise/fused<mul+relu>"]);
    expect(passed(device, () => [relu(mul(x, column))]).names).toEqual(["elementwise/broadcast", "elementwise/unary"]);
  });
});

describe("matmul epilogues", () => {
  it("take bias, activation and residual into the matmul", () => {
    const device = paper();
    const [x, w, bias] = [persistent(device, [8, 8]), persistent(device, [8, 8]), persistent(device, [8])];
    const { calls } = passed(device, () => [add(x, relu(add(linear(x, w), bias)))]);
    expect(calls.length).toBe(1);
    expect(calls[0]!.call.matmul!.epilogue).toEqual({ bias: true, activation: "relu", residual: true });
  });

  it("fold a factor of the product, never one of the other operand", () => {
    const device = paper();
    const [x, w, y] = [persistent(device, [8, 8]), persistent(device, [8, 8]), persistent(device, [8, 8])];
    const scaled = passed(device, () => [add(y, linear(x, w), 0.5)]).calls;
    expect(scaled.map(({ call }) => call.matmul)).toMatchObject([{ alpha: 0.5, epilogue: { residual: true } }]);
    expect(passed(device, () => [add(linear(x, w), y, 0.5)]).calls.length).toBe(2);
  });

  it("leave a product alone that somebody else needs", () => {
    const device = paper();
    const [x, w] = [persistent(device, [8, 8]), persistent(device, [8, 8])];
    expect(passed(device, () => {
      const product = linear(x, w);
      return [product, relu(product)];
    }).names).toEqual(["matmul/subgroup", "elementwise/unary"]); // biome-ignore format: as one
    const twice = device.record(() => {
      const product = linear(x, w);
      mul(product, product);
    }).calls;
    expect(fuseEpilogues(twice, { outputs: new Set(), facts: softwareFacts, empty: device.empty })).toEqual(twice);
  });

  it("add into memory that waits, when the product was only a summand", () => {
    const device = paper();
    const [x, w, y] = [persistent(device, [8, 8]), persistent(device, [8, 8]), persistent(device, [8, 8])];
    const { calls } = passed(device, () => {
      accumulateInto(linear(x, w), y, 3);
      return [];
    });
    expect(calls.map(({ call }) => call.matmul)).toMatchObject([{ alpha: 3, accumulate: true }]);
    expect(calls[0]!.storages).toContain(y.storage);
  });
});

describe("norms", () => {
  it("take the residual in front of them and write the sum for later", () => {
    const device = paper();
    const [a, b, w] = [persistent(device, [4, 8]), persistent(device, [4, 8]), persistent(device, [8])];
    const both = (norm: (x: Tensor) => Tensor): string[] =>
      passed(device, () => {
        const h = add(a, b);
        return [h, norm(h)];
      }).names;
    expect(both((x) => rmsNorm(x, w))).toEqual(["norm/add_rms"]);
    expect(both((x) => layerNorm(x, w, w))).toEqual(["norm/add_layer"]);
  });

  it("add the gradient that waits for their input as they store its own", () => {
    const device = paper();
    const x = parameter(device, new Float32Array(32), [4, 8]);
    const w = persistent(device, [8]);
    const { calls } = passed(device, () => {
      const h = affine(x, 2);
      backward(sum(add(h, rmsNorm(h, w))));
      return [];
    });
    const norm = calls.find(({ call }) => call.kernel.name === "norm/rms_backward")!;
    expect(norm.call.variant.HAS_RESIDUAL).toBe("true");
  });
});

describe("all passes together", () => {
  it("do nothing but drop dead calls when fusing is off, and report what each took", () => {
    const device = paper();
    const x = vector(device);
    const { calls: recorded } = device.record(() => affine(relu(x), 2));
    const outputs = new Set([recorded[1]!.storages[1]!]);
    const context = { outputs, facts: softwareFacts, empty: device.empty };
    expect(runPasses(recorded, context, false).calls).toEqual(recorded);
    const { passes } = runPasses(recorded, context, true);
    expect(passes.filter(({ saved }) => saved > 0)).toEqual([{ name: "element-wise chains", saved: 1 }]);
  });
});

describe("repeated calls", () => {
  const names = (device: Device, body: () => readonly Tensor[]): string[] => passed(device, body).names;

  it("are made once where their operands stay as they are", () => {
    const device = paper();
    const x = vector(device);
    expect(names(device, () => [mul(sum(x), sum(x))])).toEqual(["reduce/rows", "elementwise/binary"]);
    expect(names(device, () => [mul(sum(x), sum(vector(device)))])).toEqual(["reduce/rows", "reduce/rows", "elementwise/binary"]);
  });

  it("are made again after an operand has changed, and where others see the result", () => {
    const device = paper();
    const [x, y] = [vector(device), vector(device)];
    const changed = names(device, () => {
      const first = sum(x);
      accumulateInto(y, x);
      return [mul(first, sum(x))];
    });
    expect(changed.filter((name) => name === "reduce/rows")).toHaveLength(2);
    expect(names(device, () => [sum(x), sum(x)]).filter((name) => name === "reduce/rows")).toHaveLength(2);
  });
});
