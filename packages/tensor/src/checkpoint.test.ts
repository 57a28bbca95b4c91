import { softwareFacts } from "@attune/kernels-wgsl";
import { generator } from "@attune/kernels-wgsl/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { backward } from "./autograd.js";
import { checkpoint } from "./checkpoint.js";
import { capture } from "./device/capture.js";
import { Device } from "./device/device.js";
import { nullBackend } from "./device/null.js";
import { type NodeDevice, openDevice } from "./node.js";
import { noGrad } from "./op.js";
import { dropout } from "./ops/dropout.js";
import { add, affine, geluNew, mul, square } from "./ops/elementwise.js";
import { linear } from "./ops/matmul.js";
import { rmsNorm } from "./ops/norm.js";
import { sum } from "./ops/reduce.js";
import { ProgramState } from "./programState.js";
import { parameter, persistent, type Tensor } from "./tensor.js";

const WIDTH = 16;
const ROWS = 12;

/** A stack of pre-norm blocks with dropout; `shared` is computed outside the blocks and used by all of them. */
function stackOf(device: Device, layers: number) {
  const random = generator(3);
  const values = (size: number): Float32Array => Float32Array.from({ length: size }, () => random() - 0.5);
  const blocks = Array.from({ length: layers }, (_, i) => ({
    norm: parameter(device, values(WIDTH), [WIDTH], `norm ${i}`),
    up: parameter(device, values(4 * WIDTH * WIDTH), [4 * WIDTH, WIDTH], `up ${i}`),
    down: parameter(device, values(4 * WIDTH * WIDTH), [WIDTH, 4 * WIDTH], `down ${i}`),
  }));
  const scale = parameter(device, values(WIDTH), [WIDTH], "scale");
  const x = persistent(device, [ROWS, WIDTH], { values: values(ROWS * WIDTH) });
  const state = new ProgramState(device, { seed: 5 });
  const parameters = [...blocks.flatMap(Object.values<Tensor>), scale];
  const loss = (way: "plain" | "checkpointed" | "nested"): Tensor => {
    const shared = affine(scale, 2); // of no block's inputs, yet its gradient comes from all of them
    const half = (h: Tensor, i: number): Tensor => {
      const { norm, up } = blocks[i]!;
      return geluNew(linear(rmsNorm(h, norm), up));
    };
    const block =
      (i: number) =>
      (h: Tensor): Tensor => {
        const inside = way === "nested" ? checkpoint((given) => half(given, i), h) : half(h, i);
        const dropped = dropout(linear(inside, blocks[i]!.down), { p: 0.25, site: i, state });
        return add(h, mul(dropped, shared));
      };
    let h = x;
    for (let i = 0; i < layers; i++) h = way === "plain" ? block(i)(h) : checkpoint(block(i), h);
    return sum(square(h));
  };
  const dispose = (): void => {
    for (const made of [...parameters, x, state]) made.dispose();
  };
  return { loss, parameters, state, dispose };
}

async function gradients(parameters: readonly Tensor[]): Promise<string> {
  const bits: string[] = [];
  for (const { grad } of parameters) {
    bits.push(new Uint32Array((await grad!.toArray()).buffer.slice(0)).join());
    grad!.write(new Float32Array(grad!.size));
  }
  return bits.join("\n");
}

describe("checkpoint", () => {
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  it("gives the same gradients bit for bit, eager and captured, nested too", async () => {
    const { loss, parameters, dispose } = stackOf(device, 3);
    device.scope(() => backward(loss("plain")));
    const plain = await gradients(parameters);
    expect(new Set(plain.split(/[,\n]/)).size).toBeGreaterThan(1000); // something was computed
    for (const way of ["checkpointed", "nested"] as const) {
      device.scope(() => backward(loss(way)));
      expect(await gradients(parameters)).toBe(plain);
      for (const fuse of [false, true]) {
        const body = () => {
          backward(loss(way));
          return {};
        };
        const program = capture(device, way, {}, body, undefined, { fuse });
        program.run();
        expect(await gradients(parameters), `captured, fuse ${fuse}`).toBe(plain);
        program.dispose();
        program.scratch.dispose();
      }
    }
    dispose();
  });

  it("holds less scratch: one block's intermediates instead of all", () => {
    const scratchOf = (way: "plain" | "checkpointed", layers: number): number => {
      const paper = new Device(nullBackend(softwareFacts));
      const { loss } = stackOf(paper, layers);
      const body = () => {
        backward(loss(way));
        return {};
      };
      return capture(paper, way, {}, body).plan.scratchBytes;
    };
    const perBlock = (way: "plain" | "checkpointed"): number => (scratchOf(way, 12) - scratchOf(way, 4)) / 8;
    expect(perBlock("checkpointed")).toBeLessThan(perBlock("plain") / 4); // its input alone
    expect(scratchOf("checkpointed", 12)).toBeLessThan(0.5 * scratchOf("plain", 12));
  });

  it("holds less where a block begins with a product: its second run is no repeat of the first", () => {
    const scratchOf = (isCheckpointed: boolean): number => {
      const paper = new Device(nullBackend(softwareFacts));
      const weights = Array.from({ length: 6 }, () => [
        parameter(paper, new Float32Array(64 * 256), [256, 64]),
        parameter(paper, new Float32Array(256 * 64), [64, 256]),
      ]);
      const program = capture(paper, "mlp", { x: { shape: [64, 64], dtype: "f32" } }, ({ x }) => {
        let h = x;
        for (const [up, down] of weights) {
          const block = (y: Tensor): Tensor => linear(geluNew(linear(y, up!)), down!);
          h = isCheckpointed ? checkpoint(block, h) : block(h);
        }
        backward(sum(h));
        return {};
      });
      return program.plan.scratchBytes;
    };
    expect(scratchOf(true)).toBeLessThan(0.6 * scratchOf(false));
  });

  it("frees intermediates at once when eager", () => {
    const { loss, dispose } = stackOf(device, 6);
    const liveAfterForward = (way: "plain" | "checkpointed"): number =>
      device.scope(() => {
        device.trim();
        const before = device.memory.liveBytes;
        loss(way);
        device.trim();
        return device.memory.liveBytes - before;
      });
    expect(liveAfterForward("checkpointed")).toBeLessThan(0.5 * liveAfterForward("plain"));
    dispose();
  });

  it("is fn itself where nothing is differentiated, and refuses an fn that changes its mind", () => {
    device.scope(() => {
      const w = parameter(device, [1, 2], [2]);
      expect(noGrad(() => checkpoint((x) => affine(x, 2), w)).node).toBeNull();
      expect(checkpoint((x) => x, w)).toBe(w);
      let times = 0;
      const y = checkpoint((x) => (times++ === 0 ? affine(x, 2) : sum(x)), w);
      expect(() => backward(sum(y))).toThrow("fn gave [2] at first and [] when run again");
      w.dispose();
    });
  });
});
