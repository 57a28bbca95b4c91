// attune compare RUN...: systems on the same examples, as a table, as data, or as a page to hand to a colleague.
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { userError } from "../errors.js";
import type { EvaluationFlags } from "../recipes/evaluationFlags.js";
import { addEvalOptions } from "./eval.js";

interface Flags extends EvaluationFlags {
  json?: boolean;
  csv?: boolean;
  markdown?: boolean;
  html?: string;
  samples: number;
}

export function configure(command: Command): void {
  addEvalOptions(
    command.argument("<systems...>", "folders of attune train or attune eval; or MODEL, or MODEL+ADAPTER, answered now"),
  )
    .option("--samples <n>", "examples shown: the largest gain, the largest loss, and between", whole, 3)
    .option("--html <file>", "write a page that needs nothing else: scores, curves, confusion, every example")
    .option("--markdown", "print Markdown")
    .option("--csv", "print CSV, a line a system")
    .option("--json", "print everything as JSON, examples too")
    .addHelpText(
      "after",
      `
Every system is compared with the first, on the same examples. Models are answered on the first run's validation data, or on --data.

Examples:
  attune compare runs/base runs/full runs/lora --html comparison.html
  attune compare data/bundled/base runs/bundled-full runs/bundled-lora --markdown
  attune compare google/flan-t5-small google/flan-t5-small+runs/mine/adapter --task summarization --data test.jsonl`,
    )
    .action(async (names: string[], flags: Flags) => {
      if ([flags.json, flags.csv, flags.markdown].filter(Boolean).length > 1)
        throw userError("usage", "--json, --csv and --markdown each print the comparison their way: choose one");
      const [{ openSystems }, { compareSystems }, text, { comparisonPage }, { writeText }] = await Promise.all([
        import("../recipes/openSystems.js"),
        import("../recipes/compare.js"),
        import("../report/comparisonText.js"),
        import("../report/comparisonPage.js"),
        import("../report/writeText.js"),
      ]);
      const { systems, task } = await openSystems(names, flags);
      const comparison = compareSystems(systems, task, flags.labels);
      if (flags.html !== undefined) await writeText(flags.html, comparisonPage(comparison));
      const { samples } = flags;
      process.stdout.write(
        flags.json
          ? `${JSON.stringify(comparison, null, 2)}\n`
          : flags.csv
            ? text.comparisonCsv(comparison)
            : flags.markdown
              ? text.comparisonMarkdown(comparison, samples)
              : text.comparisonText(comparison, samples),
      );
    });
}

function whole(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number");
  return value;
}
