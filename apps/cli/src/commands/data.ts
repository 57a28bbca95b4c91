// attune data check FILE|RUN.yaml, attune data preview RUN.yaml: what rows become, and what may be wrong with them.
import type { Command } from "commander";
import type { PreviewRow } from "../recipes/checkRows.js";
import { color, columnsOf, displayWidth, fit, formatSeconds, oneLine, sanitizeForTerminal } from "../terminal.js";
import { count } from "./numberOptions.js";
import { loadRunFromFlags, type RunFlags } from "./runArguments.js";

export function configure(command: Command): void {
  command.addHelpText("after", "\nExample:\n  attune data check recipes/bundled-lora.yaml");
  const check = command
    .command("check")
    .description("find vague, blank, repeated, damaged and over-long rows, with advice")
    .argument("<file>", "a data file, or a run's YAML file")
    .argument("[overrides...]", "values of the run to change, such as data.maxSource=512");
  check
    .option("--format <name>", "of a data file: its format, instead of the one that it is recognised as")
    .option("--data <dir>", "folder of data.train and data.validation, instead of the one in the file")
    .option("--tokenizer <dir>", "of a data file: a folder with tokenizer.json, to measure lengths with")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  attune data check mine.csv --tokenizer data/bundled/base\n  attune data check recipes/bundled-lora.yaml",
    )
    .action(async (file: string, overrides: string[], flags: RunFlags & { json?: boolean; format?: string }) => {
      const { checkFile, checkRun } = await import("../recipes/checkRows.js");
      const isRun = /\.ya?ml$/i.test(file);
      const checked = isRun ? await checkRun(await loadRunFromFlags(file, overrides, flags)) : await checkFile(file, flags);
      if (flags.json) {
        process.stdout.write(`${JSON.stringify(checked, null, 2)}\n`);
        return;
      }
      const { report } = checked;
      const rate = Math.round(report.rows / report.seconds);
      const lines = [
        `${file}: ${checked.format}, template ${checked.template}: ${report.rows} rows in ${formatSeconds(report.seconds)} (${rate} rows/s)`,
      ];
      if (report.lengths) {
        const { prompt, completion } = report.lengths;
        lines.push(
          `tokens: prompts mean ${prompt.mean.toFixed(0)}, most ${prompt.max}; answers mean ${completion.mean.toFixed(0)}, most ${completion.max}`,
        );
      }
      if (report.labels)
        lines.push(
          `labels: ${Object.entries(report.labels)
            .map(([label, count]) => `${label} ${count}`)
            .join(", ")}`,
        );
      for (const { kind, count, examples, advice } of report.findings) {
        lines.push(
          `${color.yellow(String(count))} ${color.bold(kind)}: ${advice}`,
          ...examples.map((one) => `    ${color.dim(oneLine(one, 140))}`),
        );
      }
      if (report.findings.length === 0) lines.push("nothing found");
      process.stdout.write(`${lines.map((line) => fit(line)).join("\n")}\n`);
    });

  command
    .command("preview")
    .description("show rows as tokens: what is read, what is learnt, whether the end is learnt")
    .argument("<run>", "the run's YAML file")
    .argument("[overrides...]", "values to change, such as data.template=alpaca")
    .option("--data <dir>", "folder of data.train and data.validation, instead of the one in the file")
    .option("--tokenizer <dir>", "folder of model.init.tokenizer, instead of the one in the file")
    .option("--rows <n>", "rows to show", count, 3)
    .option("--json", "print JSON: each row's tokens, and which of them are learnt")
    .addHelpText("after", "\nExample:\n  attune data preview recipes/bundled-lora.yaml --rows 1")
    .action(async (file: string, overrides: string[], flags: RunFlags & { rows: number; json?: boolean }) => {
      const { previewRun } = await import("../recipes/checkRows.js");
      const rows = await previewRun(await loadRunFromFlags(file, overrides, flags), flags.rows);
      process.stdout.write(
        flags.json ? `${JSON.stringify(rows, null, 2)}\n` : rows.map((row) => `${previewText(row)}\n\n`).join(""),
      );
    });
}

/** Tokens in colour, what is learnt in green; where there are no colours, each by itself and what is learnt in brackets. */
export function previewText({ id, tokens, isEndLearnt }: PreviewRow, width = columnsOf()): string {
  const end = isEndLearnt ? "the end is learnt" : "the end is NOT learnt";
  const learnt = tokens.filter(({ isLearnt }) => isLearnt).length;
  const head = fit(`${oneLine(id, 80)}: ${learnt} of ${tokens.length} tokens are learnt; ${end}`, width);
  let body = "";
  let used = 0;
  for (const { token, isLearnt } of tokens) {
    const text = sanitizeForTerminal(token).replaceAll("\n", "\\n");
    const shown = color.isColorSupported ? text : `${body ? " " : ""}${isLearnt ? `[${text}]` : text}`;
    const isOver = used > 0 && used + displayWidth(shown) > width;
    const placed = isOver ? shown.trimStart() : shown;
    body += (isOver ? "\n" : "") + (isLearnt ? color.green(placed) : color.dim(placed));
    used = (isOver ? 0 : used) + displayWidth(placed);
  }
  return `${isEndLearnt ? head : color.red(head)}\n${body}`;
}
