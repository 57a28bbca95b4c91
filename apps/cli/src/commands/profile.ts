// attune profile RUN.yaml: where an update's time goes, kernel by kernel, and what bounds each.
import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import { userError } from "../errors.js";
import { addRunArguments, loadRunFromFlags, type RunFlags } from "./runArguments.js";

interface ProfileFlags extends RunFlags {
  steps: string;
  sizes: string;
  trace?: string;
  json?: boolean;
}

export function configure(command: Command): void {
  addRunArguments(command)
    .option("--steps <n>", "updates that are timed", "3")
    .option("--sizes <n>", "rows of the table by kernel and sizes", "15")
    .option("--trace <file>", "write a trace for chrome://tracing or Perfetto")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  attune profile recipes/bundled-lora.yaml --steps 2 --trace trace.json")
    .action(async (file: string, overrides: string[], flags: ProfileFlags) => {
      const [steps, sizes] = [count("--steps", flags.steps, 1), count("--sizes", flags.sizes, 0)];
      const run = await loadRunFromFlags(file, overrides, flags);
      const [{ openDevice }, { prepareRun }, { profileRun }, { profileText, traceOf }] = await Promise.all([
        import("@attune/tensor/node"),
        import("../recipes/tune.js"),
        import("../inspect/profileRun.js"),
        import("@attune/tensor/debug"),
      ]);
      const prepared = await prepareRun(run);
      const device = await openDevice();
      try {
        const profiled = await profileRun(device, prepared, steps);
        if (flags.trace) await writeFile(flags.trace, JSON.stringify(traceOf(profiled)));
        const { times: _times, host: _host, ...numbers } = profiled;
        process.stdout.write(flags.json ? `${JSON.stringify(numbers, null, 2)}\n` : profileText(profiled, { sizes }));
      } finally {
        device.destroy();
      }
    });
}

function count(option: string, text: string, least: number): number {
  const value = Number(text);
  if (/^\d{1,6}$/.test(text) && value >= least) return value;
  throw userError("usage", `${option} ${text}: expected a whole number from ${least} on`);
}
