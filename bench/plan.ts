// npm run bench:plan: what `attune plan` says of six runs beside what they take. Each run has processes of its own: three that measure, plan
// and train (time: the median counts), the first of which does not measure (memory). Nothing else should run on the machine.
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { openDevice } from "@attune/tensor/node";
import { planRun } from "../apps/cli/src/recipes/plan.js";
import { processBytes } from "../apps/cli/src/recipes/planMemory.js";
import { measureTime } from "../apps/cli/src/recipes/planTime.js";
import { prepareRun, tune } from "../apps/cli/src/recipes/tune.js";
import { loadRun } from "../apps/cli/src/run/load.js";
import { round } from "./harness.js";

const recipe = (name: string) => fileURLToPath(new URL(`../recipes/${name}.yaml`, import.meta.url));
const PLAIN = ["eval.every=null", "eval.rows=2", "save.every=null"];
/** Recipes, and what is changed in them: different models, methods, batches and lengths. */
const RUNS: readonly (readonly [name: string, ...changes: string[]])[] = [
  ["bundled-full", "train.steps=60"],
  ["bundled-lora", "train.steps=60"],
  ["bundled-lora", "train.steps=30", "train.batch=32", "train.gradientCheckpointing=true"],
  ["tiny-phrasebank", "train.steps=40", "eval.best=null", "eval.generate=false"],
  ["tiny-squad", "train.steps=30", "eval.best=null", "eval.generate=false"],
  ["tiny-sharegpt", "train.steps=30", "eval.best=null", "eval.generate=false"],
];

interface Taken {
  planned: { device: number; process: number; seconds: number };
  taken: { device: number; process: number; seconds: number };
}

const silent = { note() {}, step() {}, evaluating() {} };

async function once(measures: boolean, name: string, changes: string[]): Promise<Taken> {
  const out = await mkdtemp(path.join(tmpdir(), "attune-plan-"));
  const prepared = await prepareRun({ ...(await loadRun(recipe(name), { overrides: [...PLAIN, ...changes] })), out });
  const device = await openDevice();
  const now = process.memoryUsage.rss();
  const plan = await planRun(prepared, device.facts);
  const time = measures ? await measureTime(device, prepared, plan) : null;
  device.restartPeak();
  const result = await tune(device, prepared, silent, { overwrite: true });
  const process_ = process.resourceUsage().maxRSS * 1024;
  await rm(out, { recursive: true });
  const { peakDeviceBytes } = plan;
  return {
    planned: {
      device: peakDeviceBytes,
      process: processBytes({ peakDeviceBytes, facts: device.facts, isOpen: true }, now),
      seconds: time?.trainSeconds ?? 0,
    },
    taken: { device: device.measured.peakBytes, process: process_, seconds: result.trainSeconds },
  };
}

const [mode, name, ...changes] = process.argv.slice(2);
if (mode === "memory" || mode === "time") {
  console.log(JSON.stringify(await once(mode === "time", name!, changes)));
  process.exit(0);
}
for (const [runName, ...runChanges] of RUNS) {
  const child = (of: string): Taken => {
    const words = [...process.execArgv, fileURLToPath(import.meta.url), of, runName, ...runChanges];
    const text = execFileSync(process.execPath, words, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return JSON.parse(text.trim().split("\n").at(-1)!) as Taken;
  };
  const memory = child("memory");
  const times = [1, 2, 3].map(() => child("time"));
  const ratios = times.map(({ planned, taken }) => taken.seconds / planned.seconds).sort((a, b) => a - b);
  const share = (of: "device" | "process") => round(memory.taken[of] / memory.planned[of]);
  const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
  console.log(
    JSON.stringify({
      run: [runName, ...runChanges].join(" "),
      device_mib: mib(memory.taken.device),
      device_taken_of_planned: share("device"),
      process_mib: mib(memory.taken.process),
      process_taken_of_planned: share("process"),
      seconds: round(times[1]!.taken.seconds),
      seconds_taken_of_planned: round(ratios[1]!),
    }),
  );
}
