// attune merge MODEL ADAPTER OUT: a LoRA adapter in the weights of its base model.

import type { FrozenStorage } from "@attune/models";
import type { Command } from "commander";
import { createStatus } from "../status.js";
import { formatBytes, sanitizeForTerminal } from "../terminal.js";
import { dtypeOption } from "./dtypeOption.js";

interface Flags {
  dtype?: FrozenStorage;
  force?: boolean;
  json?: boolean;
}

export function configure(command: Command): void {
  command
    .argument("<model>", "the base model: a Hugging Face folder, or a name on the hub")
    .argument("<adapter>", "the adapter: a folder in PEFT's form, or a name on the hub")
    .argument("<out>", "the folder to write: config.json, safetensors, the tokenizer's files")
    .addOption(dtypeOption("f32, bf16 or f16 (as the base's weights are); sums are made in f32 and rounded once"))
    .option("--force", "replace a folder that is not empty")
    .option("--json", "print what was done as JSON")
    .addHelpText(
      "after",
      "\nExample:\n  attune merge data/bundled/base runs/bundled-lora/adapter merged\n\nBefore the folder appears, logits of the merged weights are compared with those of the adapter beside its base:\nonce in f32, once as written. Where they differ too much nothing is written, and the exit code is 7.",
    )
    .action(async (model: string, adapter: string, out: string, flags: Flags) => {
      const [{ openDevice }, { mergeModel, openMerge }] = await Promise.all([
        import("@attune/tensor/node"),
        import("../recipes/merge.js"),
      ]);
      const status = createStatus();
      try {
        const opened = await openMerge(model, adapter, out); // bad input is found before the device is touched
        const device = await openDevice();
        const result = await mergeModel(device, opened, out, {
          dtype: flags.dtype,
          force: flags.force,
          onProgress: (done, total) => status.update(`writing ${formatBytes(done)} of ${formatBytes(total)}`),
        });
        device.destroy();
        status.done();
        const { merged, replaced, bytes, tensors, inMemory, written, notes } = result;
        for (const note of notes) process.stderr.write(`note: ${sanitizeForTerminal(note)}\n`);
        if (flags.json) {
          process.stdout.write(`${JSON.stringify({ out, merged, replaced, bytes, tensors, inMemory, written }, null, 2)}\n`);
          return;
        }
        const shown = ({ error, bound }: { error: number; bound: number }) =>
          `${error.toExponential(1)} (bound ${bound.toExponential(0)})`;
        const own = replaced > 0 ? `, ${replaced} replaced` : "";
        process.stdout.write(
          `${sanitizeForTerminal(out)}: ${merged} weights merged${own}; ${tensors} tensors, ${formatBytes(bytes)}\n` +
            `logits against the adapter beside its base: merged in f32 ${shown(inMemory)}, as written in ${written.dtype} ${shown(written)}\n`,
        );
      } finally {
        status.done();
      }
    });
}
