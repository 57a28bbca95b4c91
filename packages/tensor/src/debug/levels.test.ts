// ATTUNE_DEBUG: what each level shows, eager and replayed, and the first NaN with its cause.
import { planRange, planUnary, RANGE_WORDS } from "@attune/kernels-wgsl";
import { afterEach, expect, it } from "vitest";
import { backward } from "../autograd.js";
import { capture } from "../device/capture.js";
import { type NodeDevice, openDevice } from "../node.js";
import { add, log, mul, relu, sqrt } from "../ops/elementwise.js";
import { linear } from "../ops/matmul.js";
import { sum } from "../ops/reduce.js";
import { parameter, persistent, type Tensor, tensor } from "../tensor.js";
import { NonFiniteError } from "./check.js";
import { attachDebug, type DebugLevel, debugLevel } from "./levels.js";
import { callPath, userFrames } from "./origins.js";

let device: NodeDevice | null = null;
afterEach(() => {
  device?.destroy();
  device = null;
});

async function shown(level: DebugLevel, without: string[] = []): Promise<{ on: NodeDevice; lines: string[] }> {
  device = await openDevice({ without });
  const lines: string[] = [];
  attachDebug(device, level, (text) => void lines.push(...text.trimEnd().split("\n")));
  return { on: device, lines };
}

function doubled(x: Tensor): Tensor {
  return mul(x, tensor(x.device, [2], [1]));
}

it("reads the level strictly", () => {
  expect([undefined, "", "0", "1", "5"].map(debugLevel)).toEqual([null, null, null, 1, 5]);
  for (const bad of ["6", "-1", "on", "2.0", " 2"]) expect(() => debugLevel(bad), bad).toThrow(/expected 1, 2, 3, 4 or 5/);
});

it("1: adapter, features and limits, and no call", async () => {
  const { on, lines } = await shown(1);
  await on.scope(() => relu(tensor(on, [1, -2], [2]))).toArray();
  expect(lines[0]).toContain(on.facts.adapter.description);
  expect(lines[1]).toMatch(/^attune: features .*subgroups of/);
  expect(lines[2]).toContain(`maxBufferSize ${on.facts.limits.maxBufferSize}`);
  expect(lines).toHaveLength(3);
  expect(on.backend.probe).toBeNull();
});

it.each([["timestamps", []] as const, ["wall time", ["timestamp-query"]] as const])(
  "2: a line a call, by %s",
  async (_, without) => {
    const { on, lines } = await shown(2, [...without]);
    const y = on.scope(() => doubled(relu(tensor(on, [1, -2, 3, 4], [2, 2]))));
    expect(lines).toHaveLength(3); // nothing was read back yet
    expect(await y.toArray()).toEqual(Float32Array.of(2, 0, 6, 8));
    const calls = lines.slice(3);
    expect(calls[0]).toMatch(
      /^#1 elementwise\/unary {2}unary relu in \(levels\.test\.ts:\d+\) {2}x \[2, 2\], >y \[2, 2\] {2}[\d.]+ us {2}[\d.]+ GB\/s {2}[\d.]+ GFLOP\/s$/,
    );
    expect(calls[1]).toMatch(
      /^#2 elementwise\/broadcast {2}binary mul in doubled \(levels\.test\.ts:\d+\) {2}a \[2, 2\], b \[1\], >y \[2, 2\]/,
    );
    expect(calls).toHaveLength(2);
  },
);

it("2: a replay shows its calls each time, fused ones by the ops that they stand for", async () => {
  const { on, lines } = await shown(2);
  const w = persistent(on, [4, 4], { values: new Float32Array(16).fill(1) });
  const program = capture(on, "p", { x: { shape: [4, 4], dtype: "f32" } }, ({ x }) => ({ y: relu(linear(x, w)) }));
  expect(lines).toHaveLength(3);
  for (const times of [1, 2]) {
    program.run({ x: new Float32Array(16).fill(0.5) });
    expect(await program.read("y")).toEqual(new Float32Array(16).fill(2));
    expect(lines).toHaveLength(3 + times * program.plan.dispatches);
  }
  expect(lines.at(-1)).toMatch(/ {2}unary relu in \(levels\.test\.ts:\d+\) {2}a \[4, 4\], b \[4, 4\], >c \[4, 4\]/);
  program.dispose();
  w.dispose();
});

it("3: why, variant and params; 4: each text once", async () => {
  const { on, lines } = await shown(4);
  const run = (): Tensor => on.scope(() => relu(relu(tensor(on, [1, -2, 3], [3]))));
  await run().toArray();
  await run().toArray();
  expect(
    lines.filter((line) => line.includes('four elements a lane; 1 x 1 x 1 workgroups; variant {"OP":"1u"}; params {"quads":1,')),
  ).toHaveLength(4);
  expect(lines.filter((line) => line.startsWith("--- elementwise/unary"))).toHaveLength(1);
  expect(lines).toContain("const OP = 1u;");
  const third = (await shown(3)).lines;
  expect(third.join("\n")).not.toContain("const OP");
});

it("5: stops at the first NaN and says kernel, op, index, ranges of the inputs, and where the op was called", async () => {
  const { on, lines } = await shown(5);
  const x = tensor(on, [1, 4, -9, 16, -25, 36], [2, 3]);
  const suspicious = (given: Tensor): Tensor => sqrt(given);
  const y = add(doubled(suspicious(x)), x);
  const error = await y.toArray().catch((thrown: Error) => thrown);
  expect(error).toBeInstanceOf(NonFiniteError);
  const { message } = error as Error;
  expect(message).toMatch(
    /^NaN in y \[2, 3\] at \[0, 2\], the first of 2: kernel elementwise\/unary, op unary sqrt\. Before the call:\n {2}x \[2, 3\]: -25 \.\. 36\n/,
  );
  expect(message).toMatch(/called at\n\s+suspicious \(.*levels\.test\.ts:\d+/);
  expect(lines.filter((line) => line.startsWith("#"))).toHaveLength(3);
  expect(await x.toArray()).toHaveLength(6); // told once
});

it("5: Inf in a replay, and in a gradient by its forward's place", async () => {
  const { on } = await shown(5);
  const program = capture(on, "p", { x: { shape: [4], dtype: "f32" } }, ({ x }) => ({ y: relu(log(x)) }));
  program.run({ x: Float32Array.of(1, 2, 3, 4) });
  await program.read("y");
  program.run({ x: Float32Array.of(1, 0, 3, 4) });
  await expect(program.read("y")).resolves.toBeDefined(); // relu takes -Inf away before it is stored
  program.dispose();
  const w = parameter(on, [1, 0], [2], "w");
  const rooted = (): Tensor => sum(sqrt(w));
  on.scope(() => backward(rooted()));
  await expect(w.grad!.toArray()).rejects.toThrow(
    /^Inf in (dx|y) \[2\] at \[1\]: kernel [\s\S]*op unary\.backward dSqrt[\s\S]*rooted \(/,
  );
  w.dispose();
});

it("5: what a call does not write is not its doing", async () => {
  const { on } = await shown(5);
  const x = tensor(on, [-1, 1, 2, 3], [4]);
  const y = tensor(on, [0, 0, 0, 0, 0, 0, Number.NaN, 0], [8]);
  const unary = (op: "relu" | "sqrt"): void => on.run(planUnary({ op, count: 4 }, on.facts), { x: x.storage, y: y.storage });
  unary("relu"); // the first half alone
  expect((await y.toArray()).slice(0, 4)).toEqual(Float32Array.of(0, 1, 2, 3));
  unary("sqrt");
  await expect(y.toArray()).rejects.toThrow("NaN in y [8] at [0], the first of 2: kernel elementwise/unary, op no op");
});

it("ranges: lowest, highest, NaN and Inf of f32, bf16 and f16", async () => {
  device = await openDevice();
  const words = Uint32Array.of(0x3f800000, 0xc0000000, 0x7f800000, 0x7fc00000, 0xff800000, 0x7f7fffff, 0x00000001, 0x80000000);
  const f16 = Uint32Array.of(0xc0003c00, 0x7e007c00, 0x7bfffc00, 0x80000001); // 1, -2 | Inf, NaN | -Inf, 65504 | 2^-24, -0
  const bf16 = Uint32Array.of(0xc0003f80, 0x7fc07f80, 0x7f7fff80, 0x80000001);
  const ranges = persistent(device, [3, RANGE_WORDS], { dtype: "u32" });
  const run = (slot: number, storage: "f32" | "bf16" | "f16", values: Uint32Array): Tensor => {
    const x = persistent(device!, [values.length], { dtype: "u32", values });
    const call = planRange({ count: storage === "f32" ? 5 : 7, storage, slot });
    device!.run(call, { x: x.storage, ranges: ranges.storage });
    return x;
  };
  const all = [run(0, "f32", words), run(1, "bf16", bf16), run(2, "f16", f16)];
  const found = (await ranges.toArray()) as Uint32Array;
  const floats = new Float32Array(found.buffer, found.byteOffset, found.length);
  const largest = new Float32Array(Uint32Array.of(0x7f7f0000).buffer)[0]!;
  expect([floats[0], floats[1], ...found.subarray(2, 5)]).toEqual([-2, 1, 3, 2, 0x7f800000]);
  expect([floats[8], floats[9], ...found.subarray(10, 13)]).toEqual([-2, largest, 3, 2, 0x7f800000]);
  expect([floats[16], floats[17], ...found.subarray(18, 21)]).toEqual([-2, 65504, 3, 2, 0x7f800000]);
  for (const tensor of [...all, ranges]) tensor.dispose();
});

it("frames of the engine and of node are left out, and a path is made of functions", () => {
  const stack = [
    "Error",
    "    at apply (/p/packages/tensor/src/op.ts:1:1)",
    "    at linear (file:///p/node_modules/@attune/tensor/dist/ops/matmul.js:1:1)",
    "    at Attention.project (/p/packages/models/src/t5/t5.ts:10:2)",
    "    at /p/packages/models/src/t5/t5.ts:12:2",
    "    at Array.map (<anonymous>)",
    "    at async T5.forward (/p/packages/models/src/t5/t5.ts:20:2)",
    "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
  ].join("\n");
  const frames = userFrames(stack);
  expect(frames).toHaveLength(4);
  expect(callPath(frames)).toBe("T5.forward > Attention.project (t5.ts:10)");
});
