// npm run bench:replay [-- STEPS]: what a dispatch of a captured training step costs in JavaScript, and what a step makes on the device.
// The step is a LoRA update of a T5 as deep as t5-small and very narrow, so that nothing but the calls themselves counts. Each update starts
// when the device is idle; time is from `update` to its return: writing the batch and the live numbers, encoding, handing over to Dawn, which
// validates and records while submitting. Waiting for the device is not part of it.
//
// The same calls to Dawn, recorded once and made by themselves, are timed beside each update: what the engine adds is the rest, and on a busy
// machine both grow alike.
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

/** One call to Dawn: on a pass, on the encoder, or a pass's begin or end. */
type Command = readonly [on: "pass" | "encoder" | "begin" | "end", method: string, given: readonly unknown[]];
type Callable = Record<string, (...given: readonly unknown[]) => unknown>;

/** The calls to Dawn of what `body` encodes. */
function recorded(body: () => void): Command[] {
  const commands: Command[] = [];
  const spy = (target: object, on: "pass" | "encoder", methods: readonly string[]): void => {
    for (const method of methods) {
      const call = (target as Callable)[method]!.bind(target);
      (target as Callable)[method] = (...given) => {
        commands.push([method === "end" ? "end" : on, method, given]);
        return call(...given);
      };
    }
  };
  const make = gpu.createCommandEncoder.bind(gpu);
  gpu.createCommandEncoder = () => {
    const encoder = make();
    spy(encoder, "encoder", ["copyBufferToTexture", "copyBufferToBuffer", "clearBuffer"]);
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = () => {
      commands.push(["begin", "", []]);
      const pass = begin();
      spy(pass, "pass", ["setPipeline", "setBindGroup", "dispatchWorkgroups", "end"]);
      return pass;
    };
    return encoder;
  };
  body();
  gpu.createCommandEncoder = make;
  return commands;
}

/** Milliseconds of the same calls by themselves, in one submit. */
function replayed(commands: readonly Command[]): number {
  const start = performance.now();
  const encoder = gpu.createCommandEncoder();
  let pass: GPUComputePassEncoder | null = null;
  for (const [on, method, given] of commands) {
    if (on === "begin") pass = encoder.beginComputePass();
    else (on === "encoder" ? (encoder as unknown as Callable) : (pass as unknown as Callable))[method]!(...given);
  }
  submit([encoder.finish()]);
  return performance.now() - start;
}

const { dispatches: before } = device.backend.stats;
trainer.update([micro]); // captures
await device.backend.pace(0);
const dispatches = device.backend.stats.dispatches - before;
const first = { ...made };
const commands = recorded(() => trainer.update([micro]));
await device.backend.pace(0);
const samples: { host: number; submit: number; calls: number }[] = [];
for (let step = 0; step < WARM_UP + steps; step++) {
  submitMs = 0;
  const start = performance.now();
  trainer.update([micro]);
  const host = performance.now() - start;
  await device.backend.pace(0);
  const each = (ms: number): number => (1e3 * ms) / dispatches;
  const calls = replayed(commands);
  await queue.onSubmittedWorkDone();
  if (step >= WARM_UP) samples.push({ host: each(host), submit: each(submitMs), calls: each(calls) });
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
    calls_alone_us: round(median(samples.map((one) => one.calls))),
    min_calls_alone_us: round(Math.min(...samples.map((one) => one.calls))),
    engine_over_calls: round(median(samples.map((one) => one.host / one.calls))),
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
