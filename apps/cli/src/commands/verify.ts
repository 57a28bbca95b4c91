// attune verify FOLDER...: does a model compute here what its reference record says?
import type { Command } from "commander";

export function configure(command: Command): void {
  command
    .argument("<records...>", "folders with a model and its reference record (forward/, generation/)")
    .option("--json", "print JSON")
    .option("--bound <number>", "largest max|a-b| / max(1, max|b|) of logits, hidden states and loss", Number)
    .option("--gradient-bound <number>", "largest ||a-b|| / ||b|| of a gradient", Number, 1e-4)
    .addHelpText("after", "\nExample:\n  attune verify tests/golden/t5-relu\n\nExit code 1 when a part differs or is missing.")
    .action(async (folders: string[], flags: { json?: boolean; bound?: number; gradientBound: number }) => {
      const [{ openDevice }, { diskFiles }, { verifyT5 }, { printVerification }] = await Promise.all([
        import("@attune/tensor/node"),
        import("@attune/models/node"),
        import("../verify/verifyT5.js"),
        import("../verify/print.js"),
      ]);
      const device = await openDevice();
      const results = [];
      for (const folder of folders) {
        // an untied model's logits are larger sums: eager against fused attention alone differs by 1e-5 there
        const values = flags.bound ?? (folder.includes("untied") ? 3e-5 : 1e-5);
        results.push({ folder, ...(await verifyT5(device, diskFiles(folder), { values, gradients: flags.gradientBound })) });
      }
      process.stdout.write(flags.json ? `${JSON.stringify(results, null, 2)}\n` : printVerification(results));
      device.destroy();
      if (results.some(({ parts }) => parts.some(({ passed }) => !passed))) process.exitCode = 1;
    });
}
