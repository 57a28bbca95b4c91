// attune runs: what has been trained here, how far it came, what it takes on disk, and how to be rid of old checkpoints.
import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import { userError } from "../errors.js";
import { formatBytes } from "../terminal.js";

const ROOT = "runs";

export function configure(command: Command): void {
  command.addHelpText("after", "\nExamples:\n  attune runs list\n  attune runs show runs/mine\n  attune runs clean --keep 1");
  command
    .command("list", { isDefault: true })
    .description("print every run: state, step, loss, score, size")
    .argument("[folder]", "the folder of runs", ROOT)
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  attune runs list --json")
    .action(async (folder: string, { json }: { json?: boolean }) => {
      const [runs, { runsText }] = await Promise.all([found(folder), import("../runFolders/text.js")]);
      process.stdout.write(json ? `${JSON.stringify(runs, null, 2)}\n` : `${runsText(runs)}\n`);
    });

  command
    .command("show")
    .description("print one run in full")
    .argument("<run>", "its folder, such as runs/mine")
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  attune runs show runs/mine")
    .action(async (folder: string, { json }: { json?: boolean }) => {
      const [[record], { runText }] = await Promise.all([found(folder), import("../runFolders/text.js")]);
      process.stdout.write(json ? `${JSON.stringify(record, null, 2)}\n` : `${runText(record!)}\n`);
    });

  command
    .command("sizes")
    .description("print what runs take on disk, the largest first")
    .argument("[folder]", "the folder of runs", ROOT)
    .option("--json", "print JSON")
    .addHelpText("after", "\nExample:\n  attune runs sizes")
    .action(async (folder: string, { json }: { json?: boolean }) => {
      const [runs, { sizesText }] = await Promise.all([found(folder), import("../runFolders/text.js")]);
      const sizes = runs.map(({ folder: name, checkpoints: steps, bytes }) => ({ folder: name, steps, ...bytes }));
      process.stdout.write(json ? `${JSON.stringify(sizes, null, 2)}\n` : `${sizesText(runs)}\n`);
    });

  command
    .command("clean")
    .description("remove old checkpoints; runs that are running are left alone")
    .argument("[folder]", "the folder of runs, or one run", ROOT)
    .option("--keep <n>", "newest checkpoints that stay; 0 takes all, of runs that are done", whole, 1)
    .option("-y, --yes", "do not ask")
    .option("--dry-run", "only say what would go")
    .addHelpText("after", "\nExamples:\n  attune runs clean --dry-run\n  attune runs clean runs/mine --keep 0 --yes")
    .action(async (folder: string, { keep, yes, dryRun }: { keep: number; yes?: boolean; dryRun?: boolean }) => {
      const [runs, { clean, planCleaning }, { cleaningText }] = await Promise.all([
        found(folder),
        import("../runFolders/cleanRuns.js"),
        import("../runFolders/text.js"),
      ]);
      const plan = planCleaning(runs, keep);
      const bytes = plan.reduce((sum, one) => sum + one.bytes, 0);
      const text = cleaningText(plan);
      if (text) process.stdout.write(`${text}\n`);
      if (plan.every(({ steps }) => steps.length === 0)) {
        process.stdout.write("nothing to remove\n");
        return;
      }
      if (dryRun) {
        process.stdout.write(`${formatBytes(bytes)} would be free\n`);
        return;
      }
      if (!yes && !(await agreed(`Remove these checkpoints (${formatBytes(bytes)})?`))) {
        process.stdout.write("nothing was removed\n");
        return;
      }
      const faults = await clean(plan);
      if (faults.length > 0) throw userError("storage", faults.map((one) => `${one.folder}: ${one.fault}`).join("\n"));
      process.stdout.write(`${formatBytes(bytes)} are free\n`);
    });
}

/** Throws (usage) where there is none: a list of nothing would hide that the folder is another. */
async function found(folder: string) {
  const { findRuns } = await import("../runFolders/readRuns.js");
  const runs = await findRuns(folder);
  if (runs.length === 0) {
    const { nearest } = await import("@attune/models");
    const near = nearest(folder, ["list", "show", "sizes", "clean"]); // a misspelt command is taken for a folder
    const hint = near ? `did you mean attune runs ${near}?` : "attune train makes one";
    throw userError("usage", `${folder}: holds no run (a folder with run.yaml); ${hint}`);
  }
  return runs;
}

async function agreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw userError("usage", "there is no terminal to ask on: add --yes, or look first with --dry-run");
  const { openAsker } = await import("../init/questions.js");
  const asker = openAsker();
  try {
    return (await asker.choose(question, ["no", "yes"] as const, "no")) === "yes";
  } finally {
    asker.close();
  }
}

function whole(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("expected a whole number");
  return value;
}
