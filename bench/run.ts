// npm run bench [-- FILTER]: kernels and one training step on this machine's adapter; one JSON line a case, median of seven runs.
// Lines carry adapter and commit, so that they can be kept under bench/results and laid side by side.
import { execFileSync } from "node:child_process";
import { planMatmul } from "@attune/kernels-wgsl";
import { freshT5, T5, T5_DEFAULTS } from "@attune/models";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { Trainer } from "@attune/tuning";

const RUNS = 7;
const filter = process.argv[2] ?? "";
const device = await openDevice();
const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();

interface Case {
  name: string;
  flops: number;
  /** Submits the work `times` times and waits for the device. */
  run(times: number): Promise<void>;
  dispose(): void;
}

for (const make of [
  ...(["nt", "nn", "tn"] as const).flatMap((layout) => [
    () => matmul(layout, 1024, 1024, 1024),
    () => matmul(layout, 2048, 512, 128),
    () => matmul(layout, 8, 2048, 512),
  ]),
  () =>
    step(
      "t5 tiny full step 16 x (128 + 32)",
      { dModel: 64, dKv: 16, numHeads: 4, dFf: 256, numLayers: 2, vocabSize: 3008 },
      16,
      128,
      32,
    ),
  () =>
    step(
      "t5 mini full step 8 x (256 + 64)",
      { dModel: 256, dKv: 64, numHeads: 4, dFf: 1024, numLayers: 2, vocabSize: 32128 },
      8,
      256,
      64,
    ),
]) {
  const { name, flops, run, dispose } = make();
  if (name.includes(filter)) report(name, flops, await measure(run));
  dispose();
}
device.destroy();

/** Median milliseconds of one execution: enough of them in a run to make the wait for the device small. */
async function measure(run: Case["run"]): Promise<number> {
  await run(1); // compiles
  const start = performance.now();
  await run(1);
  const times = Math.max(1, Math.round(300 / (performance.now() - start)));
  const samples: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const begin = performance.now();
    await run(times);
    samples.push((performance.now() - begin) / times);
  }
  return samples.sort((a, b) => a - b)[Math.floor(RUNS / 2)]!;
}

function report(name: string, flops: number, ms: number): void {
  const { device: adapter, description } = device.facts.adapter;
  const line = { case: name, ms: round(ms), gflops: round(flops / ms / 1e6), adapter: adapter || description, commit };
  console.log(JSON.stringify(line));
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

function matmul(layout: "nt" | "nn" | "tn", m: number, n: number, k: number): Case {
  const place = (count: number) => {
    const buffer = device.backend.createBuffer(count * 4, "bench");
    const made = { buffer, offset: 0, bytes: count * 4 };
    device.backend.write(
      made,
      Float32Array.from({ length: count }, (_, i) => Math.sin(i)),
    );
    return made;
  };
  const [a, b, c] = [place(m * k), place(n * k), place(m * n)] as const;
  const strides = { a: { rowStride: layout === "tn" ? m : k }, b: { rowStride: layout === "nt" ? k : n }, c: { rowStride: n } };
  const call = planMatmul({ layout, m, n, k, ...strides }, device.facts);
  return {
    name: `matmul ${layout} ${m} x ${n} x ${k}`,
    flops: call.flops,
    async run(times) {
      for (let i = 0; i < times; i++) device.backend.dispatch(call, [a, b, c]);
      await device.backend.read({ ...c, bytes: 16 });
    },
    dispose() {
      for (const { buffer } of [a, b, c]) buffer.destroy();
    },
  };
}

function step(name: string, sizes: Partial<typeof T5_DEFAULTS>, rows: number, source: number, target: number): Case {
  const config = { ...T5_DEFAULTS, ...sizes, numDecoderLayers: sizes.numLayers ?? 6, dropoutRate: 0 };
  const { weights, trainable } = freshT5(device as NodeDevice, config, 1);
  const trainer = new Trainer(device, {
    model: new T5(config, weights),
    trainable: trainable!,
    learningRate: () => 1e-4,
    seed: 1,
  });
  const ids = (count: number) => Int32Array.from({ length: count }, (_, i) => 3 + ((i * 7919) % (config.vocabSize - 200)));
  const batch = {
    rows,
    realRows: rows,
    source,
    target,
    inputIds: ids(rows * source),
    attentionMask: new Int32Array(rows * source).fill(1),
    labels: ids(rows * target),
    targetTokens: rows * target,
  };
  const { micro, update } = trainer.planOf(batch);
  return {
    name,
    flops: micro.flops + update.flops,
    async run(times) {
      for (let i = 0; i < times; i++) trainer.update([batch]);
      await trainer.readLoss(times);
    },
    dispose() {
      trainer.dispose();
      trainable!.dispose();
    },
  };
}
