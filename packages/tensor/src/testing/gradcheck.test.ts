import { planUnary } from "@attune/kernels-wgsl";
import { generator, references } from "@attune/kernels-wgsl/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NodeDevice, openDevice } from "../node.js";
import { apply, type Op } from "../op.js";
import { mul, tanh } from "../ops/elementwise.js";
import { linear } from "../ops/matmul.js";
import { parameter, persistent } from "../tensor.js";
import { gradcheck } from "./gradcheck.js";

describe("gradcheck", () => {
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  const values = (size: number): Float32Array => {
    const random = generator(size);
    return Float32Array.from({ length: size }, () => random() - 0.5);
  };

  it("passes a right gradient, against a twin in f64 and against the device itself", async () => {
    const x = parameter(device, values(12), [3, 4]);
    const w = parameter(device, values(20), [5, 4]);
    const fn = tanh;
    const reference = references.map;
    const given = await gradcheck((a, b) => fn(linear(a, b)), [x, w], {
      reference: ([a, b]) => reference(references.linear(a!, b!), Math.tanh),
    });
    expect(given.checked).toBe(32);
    expect(given.worstError).toBeLessThan(1e-5);
    const before = (await x.toArray()).join();
    const alone = await gradcheck((a, b) => fn(linear(a, b)), [x, w]);
    expect(alone.worstError).toBeLessThan(2e-3);
    expect((await x.toArray()).join()).toBe(before); // put back after it was shifted
    expect([...(await x.grad!.toArray())].every((value) => value === 0)).toBe(true);
    for (const made of [x, w]) made.dispose();
  });

  it("names the worst element of a wrong one", async () => {
    // y = 3 x, whose backward says 2 dy
    const wrong: Op<null> = {
      name: "wrong",
      forward(ctx, [x]) {
        const y = ctx.empty(x!.shape);
        ctx.run(planUnary({ op: "affine", alpha: 3, beta: 0, count: x!.size }, ctx.facts), { x: x!, y });
        return y;
      },
      backward(ctx, dy) {
        const dx = ctx.empty(dy.shape);
        ctx.run(planUnary({ op: "affine", alpha: 2, beta: 0, count: dy.size }, ctx.facts), { x: dy, y: dx });
        return [dx];
      },
    };
    const x = parameter(device, values(4), [4]);
    await expect(gradcheck((given) => apply(wrong, [given], null), [x])).rejects.toThrow(
      /gradcheck: input 0 \[4\] at \d: analytic -?[\d.]+, numeric -?[\d.]+, error .* > 0\.01/,
    );
    x.dispose();
  });

  it("wants something to differentiate by", async () => {
    const x = persistent(device, [2]);
    await expect(gradcheck((a) => mul(a, a), [x])).rejects.toThrow("no input is a parameter");
    x.dispose();
  });
});
