import { planUnary } from "@attune/kernels-wgsl";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { backward } from "./autograd.js";
import { capture } from "./device/capture.js";
import { FreedError } from "./errors.js";
import { type NodeDevice, openDevice } from "./node.js";
import { apply, noGrad, type Op } from "./op.js";
import { accumulateInto, add, affine, mul, relu, square } from "./ops/elementwise.js";
import { embedding } from "./ops/embedding.js";
import { linear, matmul } from "./ops/matmul.js";
import { reshape, sum } from "./ops/reduce.js";
import { AdamW } from "./optim/adamW.js";
import { ParameterSet } from "./optim/parameterSet.js";
import { parameter, persistent, tensor } from "./tensor.js";

describe("the eager engine", () => {
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  it("frees what a scope made and does not return", async () => {
    const kept = device.scope(() => {
      const x = tensor(device, [1, 2, 3], [3]);
      return { y: affine(x, 2), lost: null };
    });
    expect([...(await kept.y.toArray())]).toEqual([2, 4, 6]);
    let stray = kept.y;
    device.scope(() => {
      stray = affine(kept.y, 1);
    });
    await expect(stray.toArray()).rejects.toThrow("its memory was freed when its scope ended");
    kept.y.dispose();
  });

  it("frees what a scope made when its body throws", () => {
    const before = device.memory.liveBytes;
    device.trim();
    expect(() =>
      device.scope(() => {
        tensor(device, new Float32Array(1000), [1000]);
        throw new Error("oops");
      }),
    ).toThrow("oops");
    device.trim();
    expect(device.memory.liveBytes).toBeLessThanOrEqual(before);
  });

  it("writes do not overtake work that was appended before them", async () => {
    const x = persistent(device, [4], { values: Float32Array.of(1, 1, 1, 1) });
    const y = device.scope(() => affine(x, 10));
    x.write(Float32Array.of(2, 2, 2, 2)); // the affine is encoded, not yet submitted
    expect([...(await y.toArray())]).toEqual([10, 10, 10, 10]);
    x.dispose();
    y.dispose();
  });

  it("computes no gradient of frozen tensors and records nothing under noGrad", () => {
    const frozen = persistent(device, [4, 4], { values: new Float32Array(16).fill(0.5) });
    const trained = parameter(device, new Float32Array(16).fill(0.25), [4, 4]);
    const kernels: string[] = [];
    device.scope(() => {
      const loss = sum(linear(linear(tensor(device, new Float32Array(8).fill(1), [2, 4]), trained), frozen));
      device.onCall = (call) => kernels.push(call.kernel.name);
      backward(loss);
      device.onCall = null;
    });
    expect(kernels.filter((name) => name.includes("<tn")).length).toBe(1); // dw of the trained weight alone
    const y = noGrad(() => relu(trained));
    expect(y.requiresGrad).toBe(false);
    expect(() => backward(sum(y))).toThrow("does not depend on any parameter");
    for (const made of [frozen, trained, y]) made.dispose();
  });

  it("accumulates into the gradient a parameter owns", async () => {
    const w = parameter(device, [1, 2], [2]);
    for (let i = 0; i < 3; i++) device.scope(() => backward(sum(mul(w, w))));
    expect([...(await w.grad!.toArray())]).toEqual([6, 12]); // 3 * 2w
    w.dispose();
  });

  it("adds up the gradients of a tensor that one op takes twice", async () => {
    const w = parameter(device, [1, 2], [2]);
    device.scope(() => {
      const y = affine(w, 3); // computed: its gradient waits, unlike a parameter's
      backward(sum(add(add(y, y), add(reshape(y, [2]), reshape(y, [2])))));
    });
    expect([...(await w.grad!.toArray())]).toEqual([12, 12]); // four times 3
    w.dispose();
  });

  it("adds nothing into memory that an op gave to two inputs", async () => {
    const both: Op<null> = {
      name: "both",
      forward: (_, [a, b]) => noGrad(() => add(a!, b!)),
      backward(ctx, dy) {
        const shared = ctx.empty(dy.shape);
        ctx.run(planUnary({ op: "affine", alpha: 1, beta: 0, count: dy.size }, ctx.facts), { x: dy, y: shared });
        return [shared, shared];
      },
    };
    const [v, w] = [parameter(device, [1, 2], [2]), parameter(device, [3, 4], [2])];
    device.scope(() => {
      const [x, y] = [affine(v, 1), affine(w, 1)];
      const early = affine(x, 5); // its gradient comes after both's, and is added to what waits for x
      backward(sum(add(apply(both, [x, y], null), early)));
    });
    expect([...(await v.grad!.toArray())]).toEqual([6, 6]);
    expect([...(await w.grad!.toArray())]).toEqual([1, 1]);
    for (const made of [v, w]) made.dispose();
  });

  it("says what is wrong before anything reaches the device", () => {
    device.scope(() => {
      const a = tensor(device, new Float32Array(6), [2, 3]);
      const b = tensor(device, new Float32Array(8), [4, 2]);
      const ids = tensor(device, Int32Array.of(1), [1]);
      expect(() => matmul(a, b)).toThrow("matmul: last axis of a must equal axis -2 of b: a [2, 3], b [4, 2]: 3 against 4");
      expect(() => linear(a, b)).toThrow("linear: x [2, 3] must end in the inputs of w [out, in] = [4, 2]");
      expect(() => add(a, b)).toThrow("shapes [2, 3] and [4, 2] do not broadcast");
      expect(() => reshape(a, [4])).toThrow("reshape: [2, 3] has 6 values, [4] wants 4");
      expect(() => relu(ids)).toThrow("x must be f32, got i32");
      expect(() => embedding(a, b)).toThrow("ids must be i32, got f32");
      expect(() => backward(a)).toThrow("root must be one value, got shape [2, 3]");
      expect(() => tensor(device, [1, 2, 3], [2])).toThrow("shape [2] needs 2 values, got 3");
      expect(() => a.write(new Float32Array(9))).toThrow("write: 36 bytes do not fit a tensor [2, 3] of 32");
    });
  });

  it("names the scope that freed a tensor", async () => {
    let stray = tensor(device, [1], [1]);
    device.scope(() => {
      stray = affine(stray, 1);
    }, "epoch 3");
    expect(() => relu(stray)).toThrow(FreedError);
    expect(() => relu(stray)).toThrow('its memory was freed when the scope "epoch 3" ended. Return it from the scope');
    const gone = persistent(device, [4], { label: "gone" });
    gone.dispose();
    await expect(gone.toArray()).rejects.toThrow("gone: its memory was freed by dispose");
  });

  it("says which backward reads freed values: the scope of the forward is over", () => {
    const w = parameter(device, [1, 2], [2]);
    const loss = device.scope(() => sum(mul(square(w), w)), "forward"); // square's output stays behind
    expect(() => backward(loss)).toThrow(
      /backward of binary: .*the scope "forward" ended.*within the scope that computed its root/,
    );
    loss.dispose();
    w.dispose();
  });

  it("goes backward twice through values that are still there", async () => {
    const w = parameter(device, [1, 2], [2]);
    device.scope(() => {
      const loss = sum(square(w));
      backward(loss);
      backward(loss);
    });
    expect([...(await w.grad!.toArray())]).toEqual([4, 8]);
    w.dispose();
  });

  it("refuses gradients of integers", () => {
    device.scope(() => {
      const table = parameter(device, new Float32Array(4), [2, 2]);
      const ids = tensor(device, Int32Array.of(1), [1]);
      expect(() => backward(ids)).toThrow("backward: root must be f32, got i32");
      ids.requiresGrad = true;
      expect(() => embedding(table, ids)).toThrow("embedding: an input [1] of i32 requires a gradient");
      table.dispose();
    });
  });

  it("refuses to differentiate at values that were changed in place since", () => {
    const w = parameter(device, [1, 2], [2]);
    device.scope(() => {
      const y = affine(w, 2);
      const loss = sum(square(y));
      accumulateInto(y, affine(w, 1)); // into something else: harmless
      accumulateInto(affine(w, 1), y);
      expect(() => backward(loss)).toThrow(/backward of unary: unary \[2\] \[2\] was changed in place after unary read it/);
      const other = sum(square(w));
      w.write(Float32Array.of(5, 5));
      expect(() => backward(other)).toThrow("parameter [2] was changed in place after unary read it");
    });
    w.dispose();
  });

  it("keeps memory that a program binds until the program is gone", async () => {
    const x = device.scope(() => affine(tensor(device, [1, 2], [2]), 1));
    const program = capture(device, "binds x", {}, () => ({ y: affine(x, 10) }));
    x.dispose(); // would go to the pool, and to somebody else
    const other = device.scope(() => affine(tensor(device, [7, 7], [2]), 1));
    program.run();
    expect([...(await program.read("y"))]).toEqual([10, 20]);
    expect(() => relu(x)).toThrow("its memory was freed by dispose");
    const { liveBytes } = device.memory;
    program.dispose();
    device.trim();
    expect(device.memory.liveBytes).toBeLessThan(liveBytes);
    other.dispose();
  });

  it("runs without subgroups too", async () => {
    const plain = await openDevice({ without: ["subgroups"] });
    expect(plain.facts.subgroupSize).toBeNull();
    const y = plain.scope(() => sum(linear(tensor(plain, [1, 2, 3, 4], [1, 4]), tensor(plain, [1, 1, 1, 1], [1, 4]))));
    expect(await y.item()).toBe(10);
    plain.destroy();
  });

  it("reports a shader that does not compile as a device error", async () => {
    const broken = await openDevice({ rewrite: (_, code) => code.replace("fn main(", "fn main(oops ") });
    const run = async (): Promise<void> => {
      const y = broken.scope(() => relu(tensor(broken, [1], [1])));
      await y.toArray();
      broken.backend.flush();
    };
    await expect(run()).rejects.toThrow(/^kernel elementwise\/unary, elementwise\/unary\.wgsl:\d+:\d+: /);
    broken.destroy();
  });

  it("takes AdamW's steps as torch does", async () => {
    const set = new ParameterSet(device, [{ name: "p", shape: [2], decays: true }]);
    set.get("p").write(Float32Array.of(1, -2));
    const optimizer = new AdamW(set, { weightDecay: 0.01, clipNorm: 0 });
    for (const [t, gradient] of [
      [1, [0.5, -1]],
      [2, [0.25, 0.5]],
    ] as const) {
      set.get("p").grad!.write(Float32Array.from(gradient));
      optimizer.schedule(t, 0.1);
      device.scope(() => optimizer.step());
    }
    const [a, b] = await set.get("p").toArray();
    expect(a).toBeCloseTo(0.80488306, 6); // torch.optim.AdamW, lr 0.1, weight decay 0.01
    expect(b).toBeCloseTo(-1.86946833, 6);
    for (const made of [optimizer, set]) made.dispose();
  });

  it("clips by the norm of all gradients together", async () => {
    const set = new ParameterSet(device, [
      { name: "a", shape: [1], decays: true },
      { name: "b", shape: [1], decays: false },
    ]);
    set.get("a").grad!.write(Float32Array.of(3));
    set.get("b").grad!.write(Float32Array.of(4));
    const optimizer = new AdamW(set, { beta1: 0, beta2: 0, eps: 1, weightDecay: 0, clipNorm: 1 });
    optimizer.schedule(1, 1);
    device.scope(() => optimizer.step());
    expect((await optimizer.control.read()).norm).toBeCloseTo(5, 6);
    // without moments the step is g / (|g| + 1) of the clipped gradient 0.6, 0.8
    expect(await set.get("a").item()).toBeCloseTo(-0.6 / 1.6, 6);
    expect(await set.get("b").item()).toBeCloseTo(-0.8 / 1.8, 6);
    for (const made of [optimizer, set]) made.dispose();
  });
});
