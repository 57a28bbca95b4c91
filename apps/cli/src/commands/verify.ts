// attune verify FOLDER...: does a model compute here what its reference record says?
import { type Command, InvalidArgumentError } from "commander";
import { EXIT_CODES } from "../errors.js";
import type { Section } from "../verify/verify.js";

interface Flags {
  json?: boolean;
  bound?: number;
  gradientBound?: number;
  only?: Section[];
}

export function configure(command: Command): void {
  command
    .argument("<records...>", "folders with a model and its reference record (forward/, generation/, train/, lora/)")
    .option("--json", "print JSON")
    .option("--bound <number>", "largest max|a-b| / max(1, max|b|) of logits, hidden states and loss (1e-5; untied 3e-5)", bound)
    .option("--gradient-bound <number>", "largest ||a-b|| / ||b|| of a gradient (1e-4)", bound)
    .option("--only <sections>", "of forward, generation, training, lora: these alone, with commas between", sections)
    .addHelpText("after", "\nExample:\n  attune verify tests/golden/t5-relu\n\nExit code 1 when a part differs or is missing.")
    .action(async (folders: string[], flags: Flags) => {
      const [{ openDevice }, { diskFiles }, { boundsFor, openVerification, verify }, { printVerification }] = await Promise.all([
        import("@attune/tensor/node"),
        import("@attune/models/node"),
        import("../verify/verify.js"),
        import("../verify/print.js"),
      ]);
      const opened = [];
      for (const folder of folders) opened.push({ folder, record: await openVerification(diskFiles(folder)) });
      const device = await openDevice();
      const results = [];
      for (const { folder, record } of opened) {
        const bounds = boundsFor(record, { values: flags.bound, gradients: flags.gradientBound });
        results.push({ folder, parts: await verify(device, record, bounds, flags.only) });
      }
      process.stdout.write(flags.json ? `${JSON.stringify(results, null, 2)}\n` : printVerification(results));
      device.destroy();
      if (results.some(({ parts }) => parts.some(({ passed }) => !passed))) process.exitCode = EXIT_CODES.mismatch;
    });
}

function bound(text: string): number {
  const value = Number(text);
  if (!(value >= 0)) throw new InvalidArgumentError("expected a number such as 1e-5");
  return value;
}

const SECTIONS: readonly Section[] = ["forward", "generation", "training", "lora"];

function sections(text: string): Section[] {
  const names = text.split(",");
  const unknown = names.find((name) => !SECTIONS.includes(name as Section));
  if (unknown !== undefined) throw new InvalidArgumentError(`"${unknown}" is none of ${SECTIONS.join(", ")}`);
  return names as Section[];
}
