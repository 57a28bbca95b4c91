// attune convert SRC DST: a model in another file form, type or size of shards.

import type { FrozenStorage } from "@attune/models";
import { type Command, InvalidArgumentError } from "commander";
import { createStatus } from "../status.js";
import { formatBytes, sanitizeForTerminal } from "../terminal.js";
import { dtypeOption } from "./dtypeOption.js";

interface Flags {
  dtype?: FrozenStorage;
  maxShardSize?: number;
  clamp?: boolean;
  force?: boolean;
  strict?: boolean;
}

export function configure(command: Command): void {
  command
    .argument("<src>", "a model's folder, or its name on the hub: ORG/NAME or ORG/NAME@REVISION")
    .argument("<dst>", "the folder to write: config.json, safetensors, the tokenizer's files")
    .addOption(dtypeOption("f32, bf16 or f16 (as each tensor is)"))
    .option("--max-shard-size <size>", "largest file of weights, such as 500MB or 2GB (5GB)", size)
    .option("--clamp", "let values beyond f16's 65,504 become the largest f16 instead of refusing")
    .option("--strict", "refuse weights that are infinite or not a number, and tensors that the model does not have")
    .option("--force", "replace a folder that is not empty")
    .addHelpText(
      "after",
      "\nExamples:\n  attune convert facebook/opt-125m opt-125m-f16 --dtype f16\n  attune convert old/ new/ --max-shard-size 2GB\n\nReads model.safetensors or pytorch_model.bin, sharded or not; nothing in a .bin file is ever run.\nThe folder appears when it is complete; a failure leaves nothing behind.",
    )
    .action(async (src: string, dst: string, flags: Flags) => {
      const { convertModel } = await import("../recipes/convert.js");
      const status = createStatus();
      try {
        const { files, bytes, tensors, clamped, notes } = await convertModel(src, dst, {
          dtype: flags.dtype,
          maxShardBytes: flags.maxShardSize,
          clampOverflow: flags.clamp,
          force: flags.force,
          isStrict: flags.strict,
          onProgress: (done, total) => status.update(`writing ${formatBytes(done)} of ${formatBytes(total)}`),
        });
        status.done();
        for (const note of notes) process.stderr.write(`note: ${sanitizeForTerminal(note)}\n`);
        for (const [name, count] of clamped)
          process.stderr.write(`note: ${sanitizeForTerminal(name)}: ${count} values beyond f16 were clamped\n`);
        const weights = files.filter((file) => file.endsWith(".safetensors")).length;
        process.stdout.write(
          `${sanitizeForTerminal(dst)}: ${tensors} tensors, ${formatBytes(bytes)} in ${weights} ${weights === 1 ? "file" : "files"} of weights; ${files.length - weights} others\n`,
        );
      } finally {
        status.done();
      }
    });
}

/** Decimal units as in transformers ("5GB" is 5e9), binary ones with an i. */
function size(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]i?)?b?$/i.exec(text);
  const units: Record<string, number> = { "": 1, k: 1e3, m: 1e6, g: 1e9, ki: 2 ** 10, mi: 2 ** 20, gi: 2 ** 30 };
  const bytes = match ? Math.floor(Number(match[1]) * units[(match[2] ?? "").toLowerCase()]!) : 0;
  if (!(bytes >= 1)) throw new InvalidArgumentError("expected a size such as 500MB, 2GB or 1GiB");
  return bytes;
}
