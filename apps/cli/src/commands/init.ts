// attune init: a run's YAML for one's own data, by a few questions or by flags.
import { type Command, Option } from "commander";
import type { InitFlags } from "../init/init.js";
import { color, fit } from "../terminal.js";

export function configure(command: Command): void {
  command
    .option("--model <name>", "a folder, or a name on the hub")
    .option("--data <file>", "rows to learn: JSONL, CSV, TSV, JSON, Parquet or text")
    .option("--validation <file>", "rows to evaluate on; left out, a tenth of --data")
    .addOption(new Option("--method <method>", "what is trained").choices(["lora", "full"]))
    .addOption(
      new Option("--task <task>", "of rows of no known format: how they are asked").choices([
        "general",
        "summarize",
        "classify",
        "answer",
        "rewrite",
      ]),
    )
    .option("--prompt <template>", 'of rows of no known format: "classify: {text}"')
    .option("--completion <template>", 'what is learnt: "{label}"')
    .option("--name <name>", "of the run, and of its folder of results")
    .option("-o, --out <file>", "the file to write")
    .option("-y, --yes", "ask nothing: what is not given has its default")
    .option("--force", "replace the file if it is there")
    .option("--json", "print what was found and written as JSON")
    .addHelpText(
      "after",
      `
Examples:
  attune init
  attune init --data mine.csv --yes
  attune init --model google/flan-t5-small --data reviews.csv --method full --prompt "classify: {review}" --completion "{label}"`,
    )
    .action(async (flags: InitFlags & { json?: boolean }) => {
      const [{ init }, { openAsker }] = await Promise.all([import("../init/init.js"), import("../init/questions.js")]);
      const asker = process.stdin.isTTY && process.stderr.isTTY ? openAsker() : null;
      try {
        const { file, look } = await init(flags, asker);
        if (flags.json) {
          process.stdout.write(`${JSON.stringify({ file, ...look }, null, 2)}\n`);
          return;
        }
        const what = look.format ? `${look.format.name}: ${look.format.summary}` : `fields ${look.fields.join(", ")}`;
        process.stdout.write(
          [
            fit(`${color.green("wrote")} ${file} (${look.rows}${look.isMore ? " and more" : ""} rows, ${what})`),
            "next:",
            `  attune data preview ${file}`,
            `  attune plan ${file}`,
            `  attune train ${file}`,
            "",
          ].join("\n"),
        );
      } finally {
        asker?.close();
      }
    });
}
