// attune demo (npm start): full fine-tuning and LoRA of the bundled base on the bundled dialogues, and one table of what came out.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import type { DemoReport, DemoRow } from "../recipes/demo.js";
import { shippedFolder } from "../shipped.js";
import { color, columnsOf, fit, formatBytes, formatCount, formatSeconds, table, wrap } from "../terminal.js";

export function configure(command: Command): void {
  command
    .argument("[overrides...]", "values to change in both runs, such as train.steps=20")
    .option("--out <dir>", "folder for the results", "runs/demo")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  attune demo train.steps=20 --out runs/look")
    .action(async (overrides: string[], { out, json }: { out: string; json?: boolean }) => {
      const start = performance.now();
      const [{ openDevice }, { prepareDemo, runDemo }, { listenForInterruption }, { makeFolder }] = await Promise.all([
        import("@attune/tensor/node"),
        import("../recipes/demo.js"),
        import("../interrupt.js"),
        import("@attune/models/node"),
      ]);
      const recipes = shippedFolder("recipes");
      const prepared = await prepareDemo(recipes, out, overrides);
      const device = await openDevice();
      const interruption = listenForInterruption();
      try {
        const report = await runDemo(device, prepared, interruption.signal);
        const seconds = (performance.now() - start) / 1000;
        await makeFolder(out);
        const file = path.join(out, "report.json");
        const text = `${JSON.stringify({ seconds, adapter: device.facts.adapter, ...report }, null, 2)}\n`;
        await writeFile(file, text);
        process.stdout.write(json ? text : printReport(report, seconds, file));
      } finally {
        interruption.dispose();
        device.destroy();
      }
    });
}

function printReport(report: DemoReport, seconds: number, file: string): string {
  const { rows, dialogues, references } = report;
  const baselines = rows.filter(({ name }) => ["lead-1", "lead-3", "longest turn", "random summary"].includes(name));
  const best = baselines.reduce((a, b) => (b.scores.rouge1 > a.scores.rouge1 ? b : a));
  const right = (title: string) => ({ title, align: "right" as const });
  const columns = [{ title: "" }, ...["ROUGE-1", "ROUGE-2", "ROUGE-L", "distinct", "trained", "time", "peak memory"].map(right)];
  const cells = rows.map(({ name, scores, trainableParameters, seconds: time, peakDeviceBytes }) => [
    name,
    scores.rouge1.toFixed(1),
    scores.rouge2.toFixed(1),
    scores.rougeL.toFixed(1),
    `${Math.round(100 * scores.distinct)} %`,
    trainableParameters === undefined ? "" : formatCount(trainableParameters),
    time === undefined ? "" : formatSeconds(time),
    peakDeviceBytes === undefined ? "" : formatBytes(peakDeviceBytes),
  ]);
  const tuned = rows.filter(({ name }) => name === "full" || name === "LoRA");
  const gains = tuned.map(({ name, scores }) => `${name} ${signed(scores.rouge1 - best.scores.rouge1)}`).join(", ");
  const shown = [0, Math.floor(dialogues.length / 2), dialogues.length - 1];
  return [
    "",
    table(columns, cells),
    "",
    fit(`ROUGE-1 against the best that needs no model (${best.name}): ${gains}`),
    color.dim(fit(`${rows[0]!.scores.rows} held-out dialogues; ${rows[0]!.scores.signature}`)),
    ...shown.map((i) => showDialogue(dialogues[i]!, references[i]!, rows.slice(-3), i)),
    fit(`${formatSeconds(seconds)} in all. Report: ${file}. Tuned: ${tuned.map(fromHere).join(", ")}`),
    "",
    "Next:",
    `  npx attune generate data/bundled/base --adapter ${fromHere(tuned.at(-1)!)} "Ada: May I borrow your ladder? Ben: Yes, until Friday. Summary: <extra_id_0>"`,
    "  npx attune plan recipes/bundled-full.yaml train.batch=64      what a larger batch would take",
    "  npx attune train recipes/bundled-lora.yaml lora.rank=4        a run of your own",
    "  docs/your-own-data.md                                         the same with your data",
    "",
  ].join("\n");
}

function showDialogue(dialogue: string, reference: string, rows: readonly DemoRow[], i: number): string {
  const indent = (label: string, text: string): string =>
    wrap(text, Math.min(90, columnsOf() - 11))
      .map((line, n) => `${n === 0 ? label.padEnd(11) : " ".repeat(11)}${line}`)
      .join("\n");
  return [
    "",
    ...dialogue.split("\n").map((turn) => color.dim(wrap(turn, Math.min(100, columnsOf() - 2)).join("\n  "))),
    indent("reference", reference),
    ...rows.map(({ name, outputs }) => indent(name, outputs[i] ?? "")),
    "",
  ].join("\n");
}

/** As a person would type it. */
function fromHere({ savedTo = "" }: DemoRow): string {
  return path.relative(process.cwd(), savedTo);
}

function signed(value: number): string {
  return `${value >= 0 ? "+" : ""}${value.toFixed(1)}`;
}
