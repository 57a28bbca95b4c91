// attune generate MODEL "PROMPT"...: what a model, or a model with an adapter, answers.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { type Command, InvalidArgumentError } from "commander";
import { userError } from "../errors.js";
import { sanitizeForTerminal } from "../terminal.js";

interface Flags {
  adapter?: string;
  file?: string;
  maxNewTokens?: number;
  maxSource: number;
  batch: number;
  json?: boolean;
}

export function configure(command: Command): void {
  command
    .argument("<model>", "a Hugging Face folder of a T5: config.json, model.safetensors, tokenizer.json")
    .argument("[prompts...]", "what to answer; without any, a line each from --file or from stdin")
    .option("--adapter <dir>", "LoRA adapter in PEFT's form, as attune train saves it")
    .option("--file <file>", "prompts, one a line")
    .option("--max-new-tokens <n>", "longest answer (the model's own wish, else 64)", count)
    .option("--max-source <n>", "longest prompt in tokens; what is longer loses its end", count, 512)
    .option("--batch <n>", "prompts answered together", count, 16)
    .option("--json", "print [{ prompt, output }, ...]")
    .addHelpText(
      "after",
      '\nExample:\n  attune generate data/bundled/base --adapter runs/bundled-lora/adapter "Ada: Tea? Ben: Please. Summary: <extra_id_0>"',
    )
    .action(async (folder: string, given: string[], flags: Flags) => {
      const prompts = await promptsOf(given, flags.file);
      const [{ openDevice }, { generate, openGeneration }] = await Promise.all([
        import("@attune/tensor/node"),
        import("../recipes/generate.js"),
      ]);
      const files = await openGeneration(folder, flags.adapter);
      for (const [i, prompt] of prompts.entries()) {
        const { length } = files.tokenizer.encode(prompt);
        if (length > flags.maxSource)
          process.stderr.write(`prompt ${i + 1} has ${length} tokens and loses its end (--max-source ${flags.maxSource})\n`);
      }
      const device = await openDevice();
      const { batch, maxSource } = flags;
      const maxNewTokens = flags.maxNewTokens ?? files.maxNewTokens ?? 64;
      const outputs = await generate(device, files, prompts, { batch, maxSource, maxNewTokens });
      device.destroy();
      const pairs = prompts.map((prompt, i) => ({ prompt, output: outputs[i]! }));
      process.stdout.write(
        flags.json
          ? `${JSON.stringify(pairs, null, 2)}\n`
          : outputs.map((output) => `${sanitizeForTerminal(output).replaceAll("\n", " ")}\n`).join(""),
      );
    });
}

/** From the command line, a file, or stdin. Throws (usage) where there are none, or from two places. */
async function promptsOf(given: readonly string[], file: string | undefined): Promise<string[]> {
  if (given.length > 0) {
    if (file !== undefined) throw userError("usage", "prompts come as arguments or from --file, not both");
    return [...given];
  }
  if (file === undefined && process.stdin.isTTY)
    throw userError("usage", "no prompts: give them as arguments, with --file, or on stdin");
  const content = file === undefined ? await text(process.stdin) : await readFile(file, "utf8").catch(readFault(file));
  const lines = content.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length === 0) throw userError("usage", `${file ?? "stdin"}: no prompts; expected one a line`);
  return lines;
}

function readFault(file: string): (error: NodeJS.ErrnoException) => never {
  return (error) => {
    const { code } = error;
    if (code === "ENOENT") throw userError("usage", `--file ${file}: no such file`, error);
    throw userError("storage", `--file ${file}: cannot be read (${code})`, error);
  };
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_536)
    throw new InvalidArgumentError("expected a whole number from 1 to 65536");
  return value;
}
