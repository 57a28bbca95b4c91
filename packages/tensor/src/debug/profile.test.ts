import { planBinary, planMatmul, softwareFacts } from "@attune/kernels-wgsl";
import { expect, it } from "vitest";
import { capture } from "../device/capture.js";
import { openDevice } from "../node.js";
import { relu } from "../ops/elementwise.js";
import { linear } from "../ops/matmul.js";
import { persistent } from "../tensor.js";
import { groupOf, type Profile, profile, summarize, typicalStep } from "./profile.js";
import { profileText } from "./report.js";
import { type CallTime, callTimer, describeCall } from "./timer.js";
import { traceOf } from "./trace.js";

const peaks = {
  matmulGflops: 10,
  copyGBs: 1,
  copyBytes: 1024,
  matmul: { sizes: [4, 4, 4] as [number, number, number], kernel: "", reason: "" },
};
const product = planMatmul(
  { layout: "nt", m: 100, n: 100, k: 100, a: { rowStride: 100 }, b: { rowStride: 100 }, c: { rowStride: 100 } },
  softwareFacts,
); // 2 MFLOP
const sum = planBinary({ op: "add", count: 1000 }, softwareFacts); // 12 kB

it("adds calls up by kernel, group and sizes, against the peaks", () => {
  const times = [
    { call: product, places: [], start: 0, ms: 1 },
    { call: product, places: [], start: 1, ms: 3 },
    { call: sum, places: [], start: 4, ms: 0.04 },
    { call: sum, places: [], start: 5, ms: 0.02 },
  ];
  const { kernels, groups, sizes } = summarize(times, 2, peaks);
  expect(kernels.map(({ name, calls }) => [name, calls])).toEqual([
    [product.kernel.name, 1],
    ["elementwise/binary", 1],
  ]);
  const [matmul, binary] = [kernels[0]!, kernels[1]!];
  expect(matmul).toMatchObject({ ms: 2, bound: "arithmetic" });
  expect(matmul.gflops).toBeCloseTo(1); // 4 MFLOP in 4 ms
  expect(matmul.ofMatmul).toBeCloseTo(0.1);
  expect(matmul.ofBound).toBeCloseTo(0.1);
  expect(matmul.share).toBeCloseTo(4 / 4.06);
  expect(binary).toMatchObject({ ms: 0.03, bound: "bandwidth" });
  expect(binary.gbPerS).toBeCloseTo(0.4); // 24 kB in 0.06 ms
  expect(groups.map(({ name }) => name)).toEqual(["matmul", "element-wise"]);
  expect(sizes.map(({ name }) => name)).toEqual([`${product.kernel.name}  nt 100 x 100 x 100`, "elementwise/binary  quads=250"]);
});

it("a call's time is the median of its steps, so that one slow moment is no slow kernel", () => {
  const of = (call: typeof sum, ms: number): CallTime => ({ call, places: [], start: 0, ms });
  const steps = [of(product, 1), of(sum, 9), of(product, 50), of(sum, 7), of(product, 3), of(sum, 8)];
  expect(typicalStep(steps, 3).map(({ ms }) => ms)).toEqual([3, 8]);
  const unlike = [of(product, 2), of(sum, 4), of(sum, 6), of(sum, 8)];
  expect(typicalStep(unlike, 2).map(({ ms }) => ms)).toEqual([1, 2, 3, 4]); // adds up to the mean step
});

it("every family has a group; what is new counts as other", () => {
  expect(["matmul/pack", "attention/forward<8>", "norm/rms", "elementwise/fused<a>", "crossEntropy/rows", "optimizer/adamw"].map(groupOf)).toEqual([
    "matmul", "attention", "normalisation", "element-wise", "loss", "optimizer",
  ]); // biome-ignore format: one a line says no more
  expect(groupOf("reduce/sum_squares")).toBe("optimizer");
  expect(groupOf("someone/elses")).toBe("other");
});

it.each([
  ["timestamps", []],
  ["wall time", ["timestamp-query"]],
] as const)("profiles a program by %s; text and trace", async (timing, without) => {
  const device = await openDevice({ without });
  const w = persistent(device, [64, 64], { values: new Float32Array(4096).fill(1) });
  const program = capture(
    device,
    "p",
    { x: { shape: [64, 64], dtype: "f32" } },
    ({ x }) => ({ y: relu(relu(linear(x, w))) }),
    undefined,
    {
      fuse: false,
    },
  );
  const body = async (): Promise<void> => {
    program.run({ x: new Float32Array(4096).fill(1) });
    await program.read("y");
  };
  await body(); // the first read-back makes a staging buffer that is kept
  const before = device.measured.liveBytes;
  const made: Profile = await profile(device, "a program", body, { steps: 2, peaks });
  expect(device.backend.probe).toBeNull();
  expect(device.measured.liveBytes).toBe(before); // the timer's buffers are gone
  expect(made).toMatchObject({ timing, steps: 2, calls: program.plan.dispatches });
  expect(made.times).toHaveLength(2 * program.plan.dispatches);
  expect(made.step.hostMs + made.step.waitMs).toBeCloseTo(made.step.ms);
  expect(made.kernels.reduce((so, { share }) => so + share, 0)).toBeCloseTo(1);
  const unary = made.kernels.find(({ name }) => name === "elementwise/unary")!;
  expect(unary.calls).toBe(2);
  expect(unary.ms).toBeGreaterThan(0);
  const text = profileText(made);
  for (const part of ["a program on ", `timed by ${timing}`, "elementwise/unary", "element-wise", "nt 64 x 64 x 64", "weights"]) {
    expect(text).toContain(part);
  }
  expect(text.includes("no timestamp-query")).toBe(timing === "wall time");

  const { traceEvents } = traceOf(made);
  const rows = (tid: number) => traceEvents.filter((event) => event.tid === tid && event.ph === "X");
  expect(rows(1).map(({ name }) => name)).toEqual(["encode", "wait", "encode", "wait"]);
  expect(rows(2)).toHaveLength(made.times.length);
  const end = (tid: number): number => Math.max(...rows(tid).map(({ ts, dur }) => ts! + dur!));
  expect(end(2)).toBeCloseTo(end(1));
  program.dispose();
  w.dispose();
  device.destroy();
});

it("counts the copies into textures as time of the call that reads them", async () => {
  const device = await openDevice();
  const sizes = {
    layout: "nt",
    m: 64,
    n: 8,
    k: 4096,
    a: { rowStride: 4096 },
    b: { rowStride: 4096 },
    c: { rowStride: 8 },
  } as const;
  const [a, b, c] = [persistent(device, [64, 4096]), persistent(device, [8, 4096]), persistent(device, [64, 8])];
  const call = planMatmul({ ...sizes, force: "texture" }, device.facts);
  expect(call.textures).toBeDefined();
  const { times } = await profile(
    device,
    "texture",
    async () => {
      device.run(call, { a: a.storage, b: b.storage, c: c.storage });
      await c.toArray();
    },
    { steps: 5, peaks },
  );
  expect(times).toHaveLength(5);
  // starts in front of the copies of 1 MiB: without them the clock would start behind it
  const timer = callTimer(device.backend.gpu);
  let begun = false;
  const encoder = device.backend.gpu.createCommandEncoder();
  const begin = encoder.beginComputePass.bind(encoder);
  const order: string[] = [];
  encoder.beginComputePass = (descriptor) => {
    order.push(begun ? "pass" : "clock");
    begun = true;
    return begin(descriptor);
  };
  timer.around(
    encoder,
    { call, places: [] },
    (descriptor) => void encoder.beginComputePass(descriptor).end(),
    () => void order.push("copy"),
  );
  expect(order).toEqual(["clock", "copy", "pass"]);
  encoder.finish();
  timer.dispose();
  for (const tensor of [a, b, c]) tensor.dispose();
  device.destroy();
});

it("more calls in a submit than a query set holds", async () => {
  const device = await openDevice();
  const x = persistent(device, [4], { values: Float32Array.of(-1, 2, -3, 4) });
  const program = capture(device, "long", {}, () => {
    let y = x;
    for (let i = 0; i < 2100; i++) y = relu(y);
    return { y };
  }, undefined, { fuse: false }); // biome-ignore format: short
  const body = async (): Promise<void> => {
    program.run();
    await program.read("y");
  };
  const { calls, times } = await profile(device, "long", body, { steps: 1, peaks });
  expect(calls).toBe(2100);
  const starts = times.map(({ start }) => start);
  expect(starts).toEqual([...starts].sort((a, b) => a - b));
  program.dispose();
  device.destroy();
});

it("describes a call by its sizes", () => {
  expect(
    describeCall({
      ...product,
      matmul: { ...product.matmul!, outer: 3, epilogue: { bias: true, activation: "relu", residual: false }, bStorage: "bf16" },
    }),
  ).toBe("nt 3 of 100 x 100 x 100 bf16 bias relu");
});
