// npm run bench [-- FILTER]: kernels and training steps on this machine's adapter, one JSON line a case, median of seven runs.
// Lines carry adapter and commit, so that they can be kept under bench/results and laid side by side; bench/compare.ts measures a peer
// in the same run.
import { openDevice } from "@attune/tensor/node";
import { caseMakers } from "./cases/all.js";
import { lineOf, sample } from "./harness.js";

const RUNS = 7;
const filter = process.argv[2] ?? "";
const device = await openDevice();
for (const { name, needsGpu, make } of caseMakers(device)) {
  if (!name.includes(filter)) continue;
  if (needsGpu && device.facts.isSoftware) {
    console.error(`${name}: not run, this adapter is software`);
    continue;
  }
  const one = make();
  console.log(JSON.stringify(lineOf(device, one, await sample(one, RUNS))));
  one.dispose();
  device.trim();
}
device.destroy();
