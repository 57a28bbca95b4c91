// The command line: parses, runs one command, and turns whatever it throws into a line and an exit code.
import { realpathSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { COMMANDS, type CommandEntry } from "./commands/table.js";
import { reportCrash } from "./crash.js";
import { EXIT_CODES, type Failure, failureOf } from "./errors.js";
import { watchReaders } from "./readers.js";
import { columnsOf, displayWidth, fit, sanitizeForTerminal } from "./terminal.js";

export interface Output {
  out(text: string): void;
  err(text: string): void;
}

const STANDARD: Output = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(fit(text, columnsOf(process.stderr))),
};

/** Runs `attune ...words` and returns its exit code. Never throws. */
export async function main(
  words: readonly string[],
  output = STANDARD,
  commands: readonly CommandEntry[] = COMMANDS,
): Promise<number> {
  try {
    const program = await programFor(words, output, commands);
    if (words.length === 0) {
      output.out(helpText(program.helpInformation()));
      return EXIT_CODES.ok;
    }
    await program.parseAsync([...words], { from: "user" });
    // A command that failed softly (attune verify found a difference) has set it.
    return typeof process.exitCode === "number" ? process.exitCode : EXIT_CODES.ok;
  } catch (thrown) {
    // Help and version end commander's parsing too, with code 0; a message has been written by then.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    const { code, text } = reported(thrown);
    output.err(`${text}\n`);
    return code;
  }
}

async function programFor(words: readonly string[], output: Output, commands: readonly CommandEntry[]): Promise<Command> {
  const program = new Command("attune")
    .description("Fine-tune T5, FLAN-T5 and OPT on any GPU, from one YAML file.")
    .version(await version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help")
    .addHelpText(
      "after",
      "\nExit codes: 0 ok, 1 bug or mismatch, 2 usage, 3 model or data, 4 device, 5 storage, 6 network, 7 numerics;\n129, 130, 143 stopped by SIGHUP, SIGINT, SIGTERM, a run after its checkpoint.",
    )
    .exitOverride()
    .configureOutput({
      writeOut: (text) => output.out(helpText(text)),
      // commander puts its suggestion on a second line
      writeErr: (text) => output.err(`${sanitizeForTerminal(text.trim()).replace(/\n+/g, " ")}\n`),
    });
  const called = words.find((word) => !word.startsWith("-"));
  const asked = called === "help" ? words[words.indexOf(called) + 1] : called;
  for (const { name, summary, load } of commands) {
    const command = program.command(name).description(summary);
    if (name === asked) (await load()).configure(command, commands);
  }
  return program;
}

/** Help within the terminal, which commander leaves as it is where it is narrow; command lines stay whole, to be copied. */
function helpText(text: string): string {
  return text
    .split("\n")
    .map((line) => {
      if (/^ +attune /.test(line) || displayWidth(line) <= columnsOf()) return line;
      const [, name, what] = /^( {2}\S.*?) {2,}(\S.*)$/.exec(line) ?? [];
      return name && what ? `${name}\n${fit(`    ${what}`)}` : fit(line);
    })
    .join("\n");
}

async function version(): Promise<string> {
  const manifest = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** What is said of it; of a bug in a run, where its report is, too. */
function reported(thrown: unknown): Failure {
  const failure = failureOf(thrown);
  const file = failure.isBug ? reportCrash(thrown) : null;
  const where = `crash report, without rows or secrets: ${file}; attune resume goes on from the last checkpoint`;
  return file ? { ...failure, text: `${failure.text}\n${sanitizeForTerminal(where)}` } : failure;
}

/** As a program: exit codes, closed pipes, and errors that nobody caught. */
export async function run(): Promise<void> {
  watchReaders();
  const die = (thrown: unknown) => {
    const { code, text } = reported(thrown);
    process.stderr.write(`${text}\n`, () => process.exit(code));
    setTimeout(() => process.exit(code), 1000).unref(); // where nobody takes the text
  };
  process.on("uncaughtException", die).on("unhandledRejection", die);
  process.exitCode = await main(process.argv.slice(2));
}

// bin/attune.js calls run(), or starts this file in a process of its own; tests import it without running anything.
if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await run();
