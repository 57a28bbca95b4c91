// attune train RUN.yaml: trains with live progress, evaluates, saves, and says what came out.
import type { Command } from "commander";
import { addRunArguments, loadRunFromFlags, type RunFlags } from "./runArguments.js";

export function configure(command: Command): void {
  addRunArguments(command)
    .option("--json", "print the result as JSON")
    .addHelpText("after", "\nExample:\n  attune train recipes/bundled-lora.yaml train.steps=50")
    .action(async (file: string, overrides: string[], flags: RunFlags & { json?: boolean }) => {
      const run = await loadRunFromFlags(file, overrides, flags);
      const [{ openDevice }, { checkOut }, { prepareRun, tune }, { progressListener, printResult }, { listenForInterruption }] =
        await Promise.all([
          import("@attune/tensor/node"),
          import("../run/paths.js"),
          import("../recipes/tune.js"),
          import("../recipes/progress.js"),
          import("../interrupt.js"),
        ]);
      // bad input is found before the device is touched
      const prepared = await prepareRun(run);
      await checkOut(run.out);
      const device = await openDevice();
      const interruption = listenForInterruption();
      const listener = progressListener(run, prepared, device.facts);
      try {
        const result = await tune(device, prepared, listener, interruption.signal);
        listener.done();
        process.stdout.write(
          flags.json
            ? `${JSON.stringify({ ...result, measuredPeakBytes: device.measured.peakBytes }, null, 2)}\n`
            : printResult(run, result, device.measured.peakBytes),
        );
      } finally {
        listener.done();
        interruption.dispose();
        device.destroy();
      }
    });
}
