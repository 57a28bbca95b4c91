// attune config RUN.yaml: what a run says once every default is filled in, or all that is wrong with it.
import type { Command } from "commander";
import { userError } from "../errors.js";
import { redactSecrets } from "../secrets.js";
import { addRunArguments, loadRunFromFlags, type RunFlags } from "./runArguments.js";

export function configure(command: Command): void {
  addRunArguments(command, "[run]")
    .option("--json", "print JSON instead of YAML")
    .option("--schema", "print the JSON Schema of runs, for editors")
    .addHelpText(
      "after",
      `
Names of other trainers' options are taken, too, and it is told what they are called here.

Examples:
  attune config recipes/bundled-lora.yaml train.lr=3e-4
  attune config --schema > run.schema.json`,
    )
    .action(async (file: string | undefined, overrides: string[], flags: RunFlags & { json?: boolean; schema?: boolean }) => {
      if (flags.schema) {
        const [{ readFile }, { schemaAsset }] = await Promise.all([import("node:fs/promises"), import("../shipped.js")]);
        process.stdout.write(await readFile(schemaAsset, "utf8"));
        return;
      }
      if (file === undefined) throw userError("usage", "missing required argument 'run'");
      const { runToYaml } = await import("../run/write.js");
      const run = await loadRunFromFlags(file, overrides, flags);
      process.stdout.write(flags.json ? `${redactSecrets(JSON.stringify(run, null, 2))}\n` : runToYaml(run));
    });
}
