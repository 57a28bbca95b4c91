// npm run bench:replay [-- STEPS]: what a dispatch of a captured training step costs in JavaScript, and what a step makes on the device.
// The step is a LoRA update of a T5 as deep as t5-small and very narrow, so that nothing but the calls themselves counts. Each update starts
// when the device is idle; time is from `update` to its return: writing the batch and the live numbers, encoding, handing over to Dawn, which
// validates and records while submitting. Waiting for the device is not part of it.
//
// What the bindings of Dawn take for three calls a dispatch (pipeline, bind group, dispatch) is timed beside each update, so that the figures can
// be read on a busy machine: below that nothing can come, and most of the rest is `submit`.
//
// Objects are counted at the GPUDevice itself, whatever the engine says of them. Ends with code 1 where a step after the first makes one.
import { openDevice } from "@attune/tensor/node";
import { narrowT5 } from "./cases/steps.js";
import { commit, median, round } from "./harness.js";

/** The goal for the JavaScript of a dispatch, on the machine of docs/log.md. */
const GOAL_US = 6;
const WARM_UP = 20; // until V8 has optimised the loop
const MAKERS = [
  "createBuffer",
  "createTexture",
  "createBindGroup",
  "createBindGroupLayout",
  "createPipelineLayout",
  "createShaderModule",
  "createComputePipeline",
  "createQuerySet",
] as const;

const steps = Number(process.argv[2] ?? 200);
if (!Number.isInteger(steps) || steps < 1) throw new Error(`bench:replay ${process.argv[2]}: expected a number of steps`);
const device = await openDevice();
const { gpu } = device.backend;
const { trainer, micro, dispose } = narrowT5(device);

const made: Record<string, number> = Object.fromEntries(MAKERS.map((name) => [name, 0]));
for (const name of MAKERS) {
  const make = gpu[name].bind(gpu) as (descriptor: unknown) => unknown;
  Object.assign(gpu, { [name]: (descriptor: unknown) => [make(descriptor), made[name]!++][0] });
}
let submitMs = 0;
const { queue } = gpu;
const submit = queue.submit.bind(queue);
queue.submit = (buffers) => {
  const start = performance.now();
  submit(buffers);
  submitMs += performance.now() - start;
};

/** Milliseconds of so many bare dispatches, encoded and thrown away. */
function bareDispatches(count: number): number {
  const start = performance.now();
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (let i = 0; i < count; i++) {
    pass.setPipeline(bare.pipelines[i % 2]!);
    pass.setBindGroup(0, bare.group);
    pass.dispatchWorkgroups(2, 1, 1);
  }
  pass.end();
  encoder.finish();
  return performance.now() - start;
}
const bare = makeBare();
function makeBare(): { pipelines: GPUComputePipeline[]; group: GPUBindGroup } {
  const layout = gpu.createBindGroupLayout({ entries: [{ binding: 0, visibility: 4, buffer: { type: "storage" } }] });
  const pipelines = [1, 2].map((add) =>
    gpu.createComputePipeline({
      layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: {
        module: gpu.createShaderModule({
          code: `@group(0) @binding(0) var<storage, read_write> x: array<u32>; @compute @workgroup_size(1) fn main() { x[0] += ${add}u; }`,
        }),
      },
    }),
  );
  const buffer = gpu.createBuffer({ size: 256, usage: 128 }); // STORAGE
  return { pipelines, group: gpu.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] }) };
}

const { dispatches: before } = device.backend.stats;
trainer.update([micro]); // captures
await device.backend.pace(0);
const dispatches = device.backend.stats.dispatches - before;
const first = { ...made };
const samples: { host: number; submit: number; bare: number }[] = [];
for (let step = 0; step < WARM_UP + steps; step++) {
  submitMs = 0;
  const start = performance.now();
  trainer.update([micro]);
  const host = performance.now() - start;
  await device.backend.pace(0);
  const each = (ms: number): number => (1e3 * ms) / dispatches;
  if (step >= WARM_UP) samples.push({ host: each(host), submit: each(submitMs), bare: each(bareDispatches(dispatches)) });
}
const later = Object.fromEntries(MAKERS.map((name) => [name, made[name]! - first[name]!]).filter(([, count]) => count !== 0));
const host = samples.map((one) => one.host);
const { adapter } = device.facts;
console.log(
  JSON.stringify({
    case: "replay-narrow-t5-lora-step",
    dispatches,
    us_per_dispatch: round(median(host)),
    min_us_per_dispatch: round(Math.min(...host)),
    of_it_submit_us: round(median(samples.map((one) => one.submit))),
    bare_calls_us: round(median(samples.map((one) => one.bare))),
    min_bare_calls_us: round(Math.min(...samples.map((one) => one.bare))),
    goal_us: GOAL_US,
    made_after_first: later,
    steps,
    adapter: adapter.device || adapter.description,
    commit: commit(),
  }),
);
dispose();
device.destroy();
if (Object.keys(later).length > 0) {
  console.error("bench:replay: a step after the first made objects on the device; a replay should make none");
  process.exitCode = 1;
}
