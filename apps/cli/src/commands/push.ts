// attune push RUNDIR ORG/NAME: an adapter or a model to the hub, with a card that says how it was made.
import type { Command } from "commander";
import type { PushFlags } from "../push/push.js";
import { color, formatBytes, oneLine, table } from "../terminal.js";

export function configure(command: Command): void {
  command
    .argument("<folder>", "a run's folder, or one with an adapter or a model")
    .argument("<repo>", "ORG/NAME on the hub; it is made where it is missing")
    .option("--base <name>", "ORG/NAME of the base model, where it was a folder here")
    .option("--license <name>", "for the card, such as apache-2.0; left out, the card says that it is not stated")
    .option("--private", "make a new repository private")
    .option("--message <text>", "of the commit")
    .option("--dry-run", "send nothing: list the files and print the card")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
The token comes from HF_TOKEN, or from hf auth login's file. HF_ENDPOINT names another hub. A card that you wrote yourself is left as it is.

Examples:
  attune push runs/mine your-name/flan-t5-reviews --dry-run
  attune push runs/mine your-name/flan-t5-reviews --private --license apache-2.0`,
    )
    .action(async (folder: string, repo: string, flags: PushFlags & { json?: boolean }) => {
      const [{ push }, { createStatus }, { listenForInterruption }] = await Promise.all([
        import("../push/push.js"),
        import("../status.js"),
        import("../interrupt.js"),
      ]);
      const status = createStatus();
      const interruption = listenForInterruption();
      const hooks = { onProgress: (line: string) => status.update(line), signal: interruption.signal };
      const pushed = await push(folder, repo, flags, process.env, hooks).finally(() => {
        status.done();
        interruption.dispose();
      });
      if (flags.json) {
        process.stdout.write(`${JSON.stringify(pushed, null, 2)}\n`);
        return;
      }
      const { files, card, url, commit, keptCard } = pushed;
      if (url === null) {
        const rows = files.map(({ name, bytes }) => [name, formatBytes(bytes)]);
        process.stdout.write(`${table([{ title: `to ${repo}` }, { title: "size", align: "right" }], rows)}\n\n${card}\n`);
        return;
      }
      if (keptCard) process.stdout.write("the repository's README.md was left as it is: somebody wrote it\n");
      process.stdout.write(
        `${color.green("pushed")} ${files.length - (keptCard ? 1 : 0)} files: ${oneLine(url)} (commit ${oneLine(commit ?? "").slice(0, 12)})\n`,
      );
    });
}
