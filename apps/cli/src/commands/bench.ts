// attune bench: the device at hand in five numbers.
import type { Command } from "commander";
import type { BenchReport } from "../doctor/bench.js";
import { formatBytes, formatCount, table } from "../terminal.js";

export function configure(command: Command): void {
  command
    .option("--no-train", "leave the training step out: kernels alone")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Best of three rounds each, after a warm-up. attune profile shows where the time of your own run goes.

Examples:
  attune bench
  attune bench --json > this-machine.json`,
    )
    .action(async ({ train, json }: { train: boolean; json?: boolean }) => {
      const [{ openDevice }, { benchDevice }] = await Promise.all([import("@attune/tensor/node"), import("../doctor/bench.js")]);
      const device = await openDevice();
      try {
        const report = await benchDevice(device, { train });
        process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : `${benchText(report)}\n`);
      } finally {
        device.destroy();
      }
    });
}

export function benchText({
  adapter,
  isSoftware,
  speed,
  dispatchMicroseconds,
  roundTripMicroseconds,
  training,
}: BenchReport): string {
  const [m, k, n] = speed.matmul.sizes;
  const rows = [
    ["matmul", `${speed.matmulGflops.toPrecision(3)} GFLOP/s`, `f32, ${m} x ${k} x ${n}, ${speed.matmul.kernel}`],
    ["memory", `${speed.copyGBs.toPrecision(3)} GB/s`, `read and written, ${formatBytes(speed.copyBytes)}`],
    ["dispatch", `${dispatchMicroseconds.toPrecision(3)} us`, "a kernel with nothing to do, among many"],
    ["round trip", `${(roundTripMicroseconds / 1000).toPrecision(3)} ms`, "a submit and its answer"],
  ];
  if (training) {
    const { recipe, parameters, trainableParameters, rows: count, updatesPerSecond, tokensPerSecond, dispatches } = training;
    rows.push([
      "training",
      `${formatCount(tokensPerSecond)} tokens/s`,
      `${recipe}: ${formatCount(parameters)} parameters, ${formatCount(trainableParameters)} trained; ${updatesPerSecond.toPrecision(3)} updates/s of ${count} rows, ${dispatches} dispatches each`,
    ]);
  }
  const title = `on ${adapter}${isSoftware ? " (software)" : ""}`;
  return table([{ title: "" }, { title: "speed", align: "right" }, { title }], rows);
}
