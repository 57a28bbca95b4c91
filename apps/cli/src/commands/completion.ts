// attune completion bash|zsh|fish: a script that completes commands and options, made from the commands themselves.
import { Argument, type Command } from "commander";
import { SHELLS, type Shell } from "../completion/scripts.js";
import type { CommandEntry } from "./table.js";

export function configure(command: Command, entries: readonly CommandEntry[]): void {
  command
    .addArgument(new Argument("<shell>", "the shell that it is for").choices(SHELLS))
    .addHelpText(
      "after",
      `
Examples:
  source <(attune completion bash)
  attune completion zsh > ~/.zfunc/_attune
  attune completion fish > ~/.config/fish/completions/attune.fish`,
    )
    .action(async (shell: Shell) => {
      const [{ commandTree }, { completionScript }] = await Promise.all([
        import("../completion/commandTree.js"),
        import("../completion/scripts.js"),
      ]);
      process.stdout.write(completionScript(shell, await commandTree(entries)));
    });
}
