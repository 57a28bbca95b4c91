// Our half of bench/compare: one case a process, driven by lines on stdin exactly as bench/peer/torchPeer.py is.
import readline from "node:readline";
import { openDevice } from "@attune/tensor/node";
import { caseMakers } from "./cases/all.js";

const name = process.argv[2];
const device = await openDevice();
const maker = caseMakers(device).find((candidate) => candidate.name === name);
if (!maker) throw new Error(`no case named ${name}`);
const one = maker.make();
await one.run(1); // compiles
await one.run(1);
const { adapter } = device.facts;
console.log(
  JSON.stringify({ ready: name, adapter: adapter.device || adapter.description, flops: one.flops, tokens: one.tokens }),
);
for await (const line of readline.createInterface({ input: process.stdin })) {
  if (line.trim() === "end") break;
  const times = Number(line);
  const start = performance.now();
  await one.run(times);
  console.log(JSON.stringify({ ms: (performance.now() - start) / times }));
}
console.log(JSON.stringify({ peak_mib: process.resourceUsage().maxRSS / 1024, device_mib: device.memory.peakBytes / 2 ** 20 }));
one.dispose();
device.destroy();
