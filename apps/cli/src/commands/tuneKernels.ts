// attune tune-kernels: which matmul variant is fastest here, measured, for those who prefer speed to the same bits everywhere.
import type { MatmulLayout, MatmulSizes } from "@attune/kernels-wgsl";
import type { Command } from "commander";
import { userError } from "../errors.js";
import { errColor } from "../terminal.js";

interface TuneFlags {
  out?: string;
  shape: string[];
  runs: string;
}

export function configure(command: Command): void {
  command
    .option("--out <file>", "where the choice is written; by default kernels-FINGERPRINT.json in the user's cache folder")
    .option("--shape <layout,m,k,n>", "a product to measure in place of the usual ones; repeatable", collect, [])
    .option("--runs <n>", "times that each candidate is measured", "7")
    .addHelpText(
      "after",
      "\nThe choice is used where ATTUNE_TUNED names its file, or is auto (the file in the cache folder, where there is one), and nowhere else.\n\nExample:\n  attune tune-kernels --shape nt,256,512,2048 --out tuned.json",
    )
    .action(async ({ out, shape, runs }: TuneFlags) => {
      if (!/^[1-9]\d{0,3}$/.test(runs)) throw userError("usage", `--runs ${runs}: expected a whole number from 1 on`);
      const [{ openDevice, tunedFile }, { tuneDevice }, { denseProduct, usualProducts, writeTuned }] = await Promise.all([
        import("@attune/tensor/node"),
        import("@attune/tensor/debug"),
        import("../inspect/tuned.js"),
      ]);
      const asked = shape.map(parseShape).map(([layout, m, k, n]) => denseProduct(layout, m, k, n));
      const device = await openDevice();
      try {
        const shapes = asked.length > 0 ? asked : usualProducts(device.facts);
        const onShape = ({ layout, m, n, k }: MatmulSizes, done: number, total: number) =>
          process.stderr.write(`${errColor.dim(`${done + 1} of ${total}: ${layout} ${m} x ${k} x ${n}`)}\n`);
        const choice = await tuneDevice(device, shapes, { runs: Number(runs), onShape });
        const file = out ?? tunedFile(device.facts);
        await writeTuned(file, choice);
        const chosen = Object.entries(choice.variants).map(([key, variant]) => `  ${key}: ${variant}\n`);
        process.stdout.write(
          `${chosen.length} of ${shapes.length} products are faster by another variant than the rules take\n${chosen.join("")}${out ? `ATTUNE_TUNED=${out}` : `ATTUNE_TUNED=auto (${file})`}\n`,
        );
      } finally {
        device.destroy();
      }
    });
}

function collect(text: string, all: string[]): string[] {
  return [...all, text];
}

function parseShape(text: string): [MatmulLayout, number, number, number] {
  const [, layout, m, k, n] = /^(nt|nn|tn),(\d{1,6}),(\d{1,6}),(\d{1,6})$/.exec(text) ?? [];
  if (!layout || Math.min(Number(m), Number(k), Number(n)) === 0) {
    throw userError("usage", `--shape ${text}: expected layout,m,k,n, such as nt,256,512,2048`);
  }
  return [layout as MatmulLayout, Number(m), Number(k), Number(n)];
}
