// attune tokenize --tokenizer DIR: texts to token ids, line by line.
import { once } from "node:events";
import type { Command } from "commander";
import { userError } from "../errors.js";

interface Flags {
  tokenizer: string;
  file?: string;
  special: boolean;
  pair?: string;
}

/** Characters that are written at a time. */
const WRITE_AT = 1 << 16;

export function configure(command: Command): void {
  command
    .requiredOption(
      "--tokenizer <dir>",
      "a folder with tokenizer.json, or vocab.json and merges.txt; or a model's name on the hub",
    )
    .option("--file <file>", 'JSON Lines of {"text"}; without it they come from stdin')
    .option("--no-special", "leave out what the tokenizer puts around a text")
    .option("--pair <field>", "join each text with a second one, from this field")
    .addHelpText(
      "after",
      '\nPrints {"ids", "tokens", "decoded"} for each line, in order, as it reads; long files take no more memory than short ones.\n\nExample:\n  echo \'{"text": "Ann: Lunch?"}\' | attune tokenize --tokenizer data/bundled/base',
    )
    .action(async ({ tokenizer: name, file, special, pair }: Flags) => {
      if (file === undefined && process.stdin.isTTY) throw userError("usage", "no texts: give them with --file, or on stdin");
      const [{ loadTokenizer }, { modelFiles }, { linesOf, tokenizeLine }] = await Promise.all([
        import("@attune/models"),
        import("../recipes/modelFiles.js"),
        import("../recipes/tokenize.js"),
      ]);
      const tokenizer = await loadTokenizer(await modelFiles(name));
      const options = { addSpecialTokens: special, pair: pair ?? null };
      let out = "";
      const flush = async (): Promise<void> => {
        const isFull = !process.stdout.write(out);
        out = "";
        if (isFull && !process.stdout.destroyed) await once(process.stdout, "drain");
      };
      try {
        for await (const { line, where } of linesOf(file)) {
          out += `${JSON.stringify(tokenizeLine(tokenizer, line, where, options))}\n`;
          if (out.length >= WRITE_AT) await flush();
        }
      } finally {
        if (out !== "") await flush(); // the rows before one that is wrong
      }
    });
}
