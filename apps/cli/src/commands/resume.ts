// attune resume RUNDIR: goes on with a run from its folder alone, as the run.yaml within says.
import { access } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { userError } from "../errors.js";
import { bytes } from "./numberOptions.js";
import { type TrainFlags, trainFile } from "./train.js";

export function configure(command: Command): void {
  command
    .argument("<folder>", "the run's folder, such as runs/mine")
    .argument("[overrides...]", "values to change; what updates depend on needs --allow-changes")
    .option("--json", "print the result as JSON")
    .option("--budget <size>", "most device memory, such as 8GiB: a run that needs more is refused before it starts", bytes)
    .option("--allow-changes", "go on although the run or its data changed")
    .addHelpText(
      "after",
      `
The run goes on from its newest whole checkpoint, bit for bit as if it had never stopped on the same adapter.

Examples:
  attune resume runs/mine
  attune resume runs/mine train.epochs=5 --allow-changes`,
    )
    .action(async (folder: string, overrides: string[], flags: Pick<TrainFlags, "json" | "allowChanges" | "budget">) => {
      await trainFile(await runFileIn(folder), overrides, { ...flags, resume: true, out: folder });
    });
}

/** Throws (usage) where the folder is none of a run. */
async function runFileIn(folder: string): Promise<string> {
  const file = path.join(folder, "run.yaml");
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (isThere) return file;
  const hint = /\.ya?ml$/i.test(folder)
    ? `; to go on with a run by its file: attune train ${folder} --resume`
    : "; attune runs list shows what there is";
  throw userError("usage", `${folder}: is no run's folder: it has no run.yaml${hint}`);
}
