// attune plan RUN.yaml: parameters, dispatches, FLOPs and memory of a run, before anything is allocated.
import { readFile } from "node:fs/promises";
import type { DeviceFacts } from "@attune/kernels-wgsl";
import type { Command } from "commander";
import { userError } from "../errors.js";
import type { RunPlan } from "../recipes/plan.js";
import { color, formatBytes, formatCount, table } from "../terminal.js";
import { addRunArguments, loadRunFromFlags, type RunFlags } from "./runArguments.js";

export function configure(command: Command): void {
  addRunArguments(command)
    .option("--json", "print JSON")
    .option("--facts <file>", "plan for the device of this file (attune doctor --json), not for the one at hand")
    .addHelpText("after", "\nExample:\n  attune plan recipes/bundled-lora.yaml train.batch=32")
    .action(async (file: string, overrides: string[], flags: RunFlags & { json?: boolean; facts?: string }) => {
      const run = await loadRunFromFlags(file, overrides, flags);
      const [{ prepareRun }, { planRun }] = await Promise.all([import("../recipes/tune.js"), import("../recipes/plan.js")]);
      const prepared = await prepareRun(run);
      const plan = await planRun(prepared, flags.facts ? await readFacts(flags.facts) : await factsAtHand());
      process.stdout.write(flags.json ? `${JSON.stringify(plan, null, 2)}\n` : printPlan(plan));
    });
}

async function factsAtHand(): Promise<DeviceFacts> {
  const { openDevice } = await import("@attune/tensor/node");
  const device = await openDevice();
  const { facts } = device;
  device.destroy();
  return facts;
}

async function readFacts(file: string): Promise<DeviceFacts> {
  const text = await readFile(file, "utf8").catch((cause: Error) => {
    throw userError("usage", `--facts ${file}: ${cause.message}`);
  });
  try {
    const json = JSON.parse(text) as { device?: DeviceFacts } & DeviceFacts;
    const facts = json.device ?? json;
    if (typeof facts.limits?.maxStorageBufferBindingSize === "number") return facts;
  } catch {
    // told below
  }
  throw userError("usage", `--facts ${file}: expected the JSON that \`attune doctor --json\` prints on that device`);
}

function printPlan(plan: RunPlan): string {
  const { perUpdate } = plan;
  const facts = [
    ["parameters", `${formatCount(plan.parameters)}, ${formatCount(plan.trainableParameters)} trained`],
    ["examples", `${formatCount(plan.examples)} of ${formatCount(plan.tokens)} tokens`],
    ["updates", `${plan.updates}, evaluated ${plan.evaluations} times`],
    ["padding", paddingText(plan)],
    [
      "an update",
      `${formatCount(perUpdate.tokens)} positions, ${Math.round(perUpdate.dispatches)} dispatches, ${formatCount(perUpdate.flops)}FLOP`,
    ],
    ["the run", `${formatCount(plan.totalFlops)}FLOP`],
    ["peak device memory", color.bold(formatBytes(plan.peakDeviceBytes))],
    ...Object.entries(plan.memory)
      .filter(([, bytes]) => bytes > 0)
      .map(([category, bytes]) => [`  ${category}`, formatBytes(bytes)]),
  ];
  const buckets = plan.buckets.map((bucket) => [
    plan.isEncoderDecoder ? `${bucket.source} + ${bucket.target}` : String(bucket.source),
    String(bucket.dispatches),
    formatCount(bucket.flops),
    formatBytes(bucket.scratchBytes),
    formatBytes(bucket.lowerBoundBytes),
  ]);
  const right = (title: string) => ({ title, align: "right" as const });
  return [
    table([{ title: plan.name }, { title: `on ${plan.adapter}` }], facts),
    table([{ title: "bucket" }, right("dispatches"), right("FLOP"), right("scratch"), right("at least")], buckets),
    "",
  ].join("\n\n");
}

function paddingText({ paddingShare, packing, examples }: RunPlan): string {
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  if (!packing) return percent(paddingShare);
  return `${percent(paddingShare)}: ${formatCount(examples)} sequences are packed in ${formatCount(packing.rows)} rows; apart it would be ${percent(packing.paddingShareApart)}`;
}
