// attune plan RUN.yaml: parameters, dispatches, FLOPs, memory, disk space and time of a run, before it is run.
import { readFile } from "node:fs/promises";
import type { DeviceFacts } from "@attune/kernels-wgsl";
import type { Command } from "commander";
import type { KnownMemory } from "../doctor/deviceMemory.js";
import { userError } from "../errors.js";
import type { RunPlan } from "../recipes/plan.js";
import type { Fit } from "../recipes/planFit.js";
import type { TimePlan } from "../recipes/planTime.js";
import { color, fit, formatBytes, formatCount, formatSeconds, table } from "../terminal.js";
import { bytes } from "./numberOptions.js";
import { addRunArguments, loadRunFromFlags, type RunFlags } from "./runArguments.js";

export function configure(command: Command): void {
  addRunArguments(command)
    .option("--json", "print JSON")
    .option("--facts <file>", "plan for the device of this file (attune doctor --json), not for the one at hand")
    .option("--measure", "run two updates on this device, and say how long the run will train")
    .option(
      "--budget <size>",
      "of device memory, such as 8GiB, instead of what is free here: where the run needs more, which batch would fit",
      bytes,
    )
    .addHelpText(
      "after",
      `
Peak device memory is exact: the run is planned as it will be run. The process and time are estimates, time of training alone.

Examples:
  attune plan recipes/bundled-lora.yaml train.batch=32
  attune plan recipes/bundled-lora.yaml --measure
  attune plan recipes/bundled-full.yaml --budget 24MiB`,
    )
    .action(async (file: string, overrides: string[], flags: PlanFlags) => {
      if (flags.measure && flags.facts)
        throw userError("usage", "--measure runs on the device at hand, and --facts plans for another: choose one");
      const run = await loadRunFromFlags(file, overrides, flags);
      const [{ prepareRun }, { planRun }] = await Promise.all([import("../recipes/tune.js"), import("../recipes/plan.js")]);
      const prepared = await prepareRun(run);
      const device = flags.facts ? null : await (await import("@attune/tensor/node")).openDevice();
      try {
        const facts = device?.facts ?? (await readFacts(flags.facts!));
        const { processBytes } = await import("../recipes/planMemory.js");
        const now = process.memoryUsage.rss(); // planning adds what training does not
        const counted = await planRun(prepared, facts);
        const { peakDeviceBytes } = counted;
        const plan = { ...counted, processBytes: processBytes({ peakDeviceBytes, facts, isOpen: device !== null }, now) };
        const budget = await budgetOf(flags, facts);
        const isOver = budget !== null && plan.peakDeviceBytes > budget.bytes;
        const fitting = isOver ? await (await import("../recipes/planFit.js")).fitBudget(run, facts, budget.bytes) : undefined;
        const time = flags.measure
          ? await (await import("../recipes/planTime.js")).measureTime(device!, prepared, plan)
          : undefined;
        process.stdout.write(
          flags.json ? `${JSON.stringify({ ...plan, time, budget, fit: fitting }, null, 2)}\n` : printPlan(plan, time),
        );
        if (flags.json) return;
        process.stdout.write(`${fit(budgetText(plan, budget, fitting))}\n\n`);
        const { disk } = plan;
        if (disk.freeBytes !== null && disk.peakBytes > disk.freeBytes)
          process.stdout.write(
            `${fit(`${color.yellow("not enough disk space")}: choose another folder with --out, or fewer checkpoints with save.keep=1`)}\n\n`,
          );
      } finally {
        device?.destroy();
      }
    });
}

interface PlanFlags extends RunFlags {
  json?: boolean;
  facts?: string;
  measure?: boolean;
  budget?: number;
}

/** Of the command line, else what is known of the device; of another machine's device (--facts) nothing is. */
async function budgetOf({ budget, facts: file }: PlanFlags, facts: DeviceFacts): Promise<KnownMemory | null> {
  if (budget !== undefined) return { bytes: budget, what: "as --budget says" };
  if (file !== undefined) return null;
  return (await import("../doctor/deviceMemory.js")).knownMemory(facts);
}

/** Whether a run fits, and what to change where it does not. */
export function budgetText(
  plan: Pick<RunPlan, "peakDeviceBytes">,
  budget: KnownMemory | null,
  fitting: Fit | null | undefined,
): string {
  if (budget === null) return "how much memory this GPU has is not known: say it with --budget, such as --budget 8GiB";
  if (fitting !== undefined) return fitText(plan, budget.bytes, fitting);
  return `${color.green("fits")}: ${formatBytes(plan.peakDeviceBytes)} of ${formatBytes(budget.bytes)}, ${budget.what}`;
}

/** What to change where a run does not fit. */
export function fitText(plan: Pick<RunPlan, "peakDeviceBytes">, budget: number, fitting: Fit | null): string {
  const over = `${color.yellow("does not fit")}: ${formatBytes(plan.peakDeviceBytes)} of ${formatBytes(budget)}`;
  if (fitting === null)
    return `${over}; not with a batch of one either. Train through lora, keep frozen weights in bf16 (train.frozenStorage), shorten data.maxSource, or lower eval.batch`;
  const { batch, accumulate, gradientCheckpointing, peakDeviceBytes } = fitting;
  const settings = [
    `train.batch=${batch}`,
    `train.accumulate=${accumulate}`,
    ...(gradientCheckpointing ? ["train.gradientCheckpointing=true"] : []),
  ];
  return `${over}; ${settings.join(" ")} would, with ${formatBytes(peakDeviceBytes)}`;
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

export function printPlan(plan: RunPlan & { processBytes: number }, time?: TimePlan): string {
  const { perUpdate, disk } = plan;
  const facts = [
    ["parameters", `${formatCount(plan.parameters)}, ${formatCount(plan.trainableParameters)} trained`],
    ["examples", `${formatCount(plan.examples)} of ${formatCount(plan.tokens)} tokens`],
    ["updates", `${plan.updates}, evaluated ${plan.evaluations} times`],
    ["padding", paddingText(plan)],
    [
      "an update",
      `${formatCount(perUpdate.tokens)} positions, ${Math.round(perUpdate.dispatches)} dispatches, ${formatCount(perUpdate.flops)}FLOP`,
    ],
    ["the run", `${formatCount(plan.positions)} positions, ${formatCount(plan.totalFlops)}FLOP`],
    ...(time
      ? [
          [
            "time",
            `${formatSeconds(time.trainSeconds)} of training (${formatSeconds(time.updateSeconds)} an update, ${formatCount(time.positionsPerSecond)} positions/s), ${formatSeconds(time.compileSeconds)} compiling`,
          ],
        ]
      : []),
    [
      "disk",
      `${formatBytes(disk.peakBytes)}: ${disk.checkpoints} x ${formatBytes(disk.checkpointBytes)} of checkpoints, ${formatBytes(disk.resultBytes)} of result${disk.freeBytes === null ? "" : `; ${formatBytes(disk.freeBytes)} free`}`,
    ],
    ["peak device memory", color.bold(formatBytes(plan.peakDeviceBytes))],
    ...Object.entries(plan.memory)
      .filter(([, bytes]) => bytes > 0)
      .map(([category, bytes]) => [`  ${category}`, formatBytes(bytes)]),
    ["process memory", `about ${formatBytes(plan.processBytes)}`],
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
