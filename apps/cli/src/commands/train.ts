// attune train RUN.yaml: trains with live progress, evaluates, saves, and says what came out.
import type { DeviceFacts } from "@attune/kernels-wgsl";
import type { Command } from "commander";
import { userError } from "../errors.js";
import type { PreparedRun } from "../recipes/tune.js";
import { bytes } from "./numberOptions.js";
import { addRunArguments, loadRunFromFlags, type RunFlags } from "./runArguments.js";

export interface TrainFlags extends RunFlags {
  json?: boolean;
  resume?: boolean;
  allowChanges?: boolean;
  overwrite?: boolean;
  /** Most bytes of device memory. */
  budget?: number;
}

export function configure(command: Command): void {
  addRunArguments(command)
    .option("--json", "print the result as JSON")
    .option("--resume", "go on from the newest whole checkpoint in the run's folder")
    .option("--allow-changes", "with --resume: go on although the run or its data changed")
    .option("--budget <size>", "most device memory, such as 8GiB: a run that needs more is refused before it starts", bytes)
    .option("--overwrite", "replace the results of another run in the folder")
    .addHelpText(
      "after",
      `
Ctrl-C finishes the update at hand, saves a checkpoint and stops; a second one stops at once.

Examples:
  attune train recipes/bundled-lora.yaml train.steps=50
  attune train recipes/bundled-lora.yaml --resume`,
    )
    .action(trainFile);
}

/** What attune train and attune resume do. */
export async function trainFile(file: string, overrides: string[], flags: TrainFlags): Promise<void> {
  if (flags.resume && flags.overwrite) throw userError("usage", "--resume and --overwrite contradict each other");
  const run = await loadRunFromFlags(file, overrides, flags);
  const [{ openDevice }, { checkOut }, { prepareRun, tune }, { progressListener, printResult }, { listenForInterruption }] =
    await Promise.all([
      import("@attune/tensor/node"),
      import("../run/paths.js"),
      import("../recipes/tune.js"),
      import("../recipes/progress.js"),
      import("../interrupt.js"),
    ]);
  // bad input is found before the device is touched
  const prepared = await prepareRun(run);
  await checkOut(run.out);
  const device = await openDevice(flags.budget === undefined ? {} : { budgetBytes: flags.budget });
  try {
    if (flags.budget !== undefined) await refuseOverBudget(prepared, device.facts, flags.budget);
  } catch (error) {
    device.destroy();
    throw error;
  }
  const interruption = listenForInterruption();
  const listener = progressListener(run, prepared, device.facts, {
    signal: interruption.signal,
    memoryBytes: () => device.measured.peakBytes,
  });
  try {
    const result = await tune(device, prepared, listener, { ...flags, signal: interruption.signal });
    listener.done();
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ ...result, measuredPeakBytes: device.measured.peakBytes }, null, 2)}\n`
        : printResult(run, result, device.measured.peakBytes),
    );
  } finally {
    listener.done();
    interruption.dispose();
    device.destroy();
  }
}

/** Throws (device) where the run as it is planned takes more, naming the batch that would fit: not hours later, at its first evaluation. */
async function refuseOverBudget(prepared: PreparedRun, facts: DeviceFacts, budget: number): Promise<void> {
  const [{ planRun }, { fitBudget }, { fitText }] = await Promise.all([
    import("../recipes/plan.js"),
    import("../recipes/planFit.js"),
    import("./plan.js"),
  ]);
  const plan = await planRun(prepared, facts);
  if (plan.peakDeviceBytes <= budget) return;
  throw userError("device", `${prepared.run.name} ${fitText(plan, budget, await fitBudget(prepared.run, facts, budget))}`);
}
