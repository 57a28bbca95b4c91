// The arguments that every command about a run shares: RUN.yaml [KEY=VALUE...] --data DIR --tokenizer DIR --out DIR.
import type { Command } from "commander";
import type { Run } from "../run/schema.js";

export interface RunFlags {
  data?: string;
  tokenizer?: string;
  out?: string;
}

export function addRunArguments(command: Command, run: "<run>" | "[run]" = "<run>"): Command {
  return command
    .argument(run, "the run's YAML file")
    .argument("[overrides...]", "values to change, such as train.lr=3e-4 train.steps=50")
    .option("--data <dir>", "folder of data.train and data.validation, instead of the one in the file")
    .option("--tokenizer <dir>", "folder of model.init.tokenizer, instead of the one in the file")
    .option("--out <dir>", "folder for the results");
}

export async function loadRunFromFlags(file: string, overrides: readonly string[], flags: RunFlags): Promise<Run> {
  const { loadRun } = await import("../run/load.js");
  const out = flags.out === undefined ? [] : [`out=${JSON.stringify(flags.out)}`];
  return loadRun(file, {
    overrides: [...overrides, ...out],
    dataFolder: flags.data,
    tokenizerFolder: flags.tokenizer,
    note: (line) => void process.stderr.write(`${line}\n`),
  });
}
