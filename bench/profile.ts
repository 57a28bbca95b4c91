// npm run bench:profile -- CASE [--steps N] [--sizes N] [--trace FILE] [--json]: where the time of one benchmark case goes, kernel by kernel.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { measurePeaks, profile, profileText, traceOf } from "@attune/tensor/debug";
import { openDevice } from "@attune/tensor/node";
import { caseMakers } from "./cases/all.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    steps: { type: "string", default: "3" },
    sizes: { type: "string", default: "25" },
    trace: { type: "string" },
    json: { type: "boolean" },
  },
});
const name = positionals[0] ?? "t5-small-lora-step";
const device = await openDevice();
const makers = caseMakers(device);
const maker = makers.find((candidate) => candidate.name === name);
if (!maker) throw new Error(`no case named ${name}; there are ${makers.map((candidate) => candidate.name).join(", ")}`);
const peaks = await measurePeaks(device);
const one = maker.make();
const profiled = await profile(device, name, () => one.run(1), { steps: Number(options.steps), peaks });
if (options.trace) writeFileSync(options.trace, JSON.stringify(traceOf(profiled)));
const { times, host, ...numbers } = profiled;
console.log(options.json ? JSON.stringify(numbers, null, 2) : profileText(profiled, { sizes: Number(options.sizes) }));
one.dispose();
device.destroy();
