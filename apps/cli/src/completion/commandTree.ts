// The command line as plain data: every command with its options and what stands below it. What completion scripts are made from.
import { Command } from "commander";
import type { CommandEntry } from "../commands/table.js";

export interface OptionNode {
  /** "--json", "-o": all spellings. */
  flags: string[];
  summary: string;
  takesValue: boolean;
  /** The values that it may have, where they are few. */
  choices: readonly string[];
}

export interface CommandNode {
  name: string;
  summary: string;
  options: OptionNode[];
  commands: CommandNode[];
  /** Whether words without dashes follow, which are files, folders and values. */
  takesArguments: boolean;
  /** Of its first argument, where they are few. */
  choices: readonly string[];
}

/** Loads and configures every command: for completion and tests. `attune --help` must not do this, since it costs time. */
export async function commandTree(entries: readonly CommandEntry[]): Promise<CommandNode[]> {
  const program = new Command("attune");
  for (const { name, summary, load } of entries) (await load()).configure(program.command(name).description(summary), entries);
  return program.commands.map(nodeOf);
}

function nodeOf(command: Command): CommandNode {
  const options = command.options.map(({ short, long, description, required, optional, argChoices }) => ({
    flags: [long, short].filter((flag) => flag !== undefined && flag !== null),
    summary: description,
    takesValue: required || optional,
    choices: argChoices ?? [],
  }));
  return {
    name: command.name(),
    summary: command.description(),
    options: [...options, { flags: ["--help", "-h"], summary: "print help", takesValue: false, choices: [] }],
    commands: command.commands.map(nodeOf),
    takesArguments: command.registeredArguments.length > 0,
    choices: command.registeredArguments[0]?.argChoices ?? [],
  };
}
