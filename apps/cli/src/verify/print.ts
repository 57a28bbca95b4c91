import { color, fit, table } from "../terminal.js";
import type { Comparison } from "./compare.js";

export interface Verification {
  folder: string;
  parts: readonly Comparison[];
}

/** One table a record: each part, how many values, the worst tensor and its bound. */
export function printVerification(results: readonly Verification[]): string {
  return results.map(printOne).join("\n");
}

function printOne({ folder, parts }: Verification): string {
  const rows = parts.map(({ part, values, worst, passed, reason }) => [
    passed ? color.green("ok") : color.red("DIFFERS"),
    part,
    String(values),
    worst ? worst.error.toExponential(1) : "-",
    worst ? worst.bound.toExponential(0) : "-",
    reason ?? worst?.tensor ?? "",
  ]);
  const columns = [
    { title: "" },
    { title: "part" },
    { title: "values", align: "right" as const },
    { title: "worst", align: "right" as const },
    { title: "bound", align: "right" as const },
    { title: "tensor" },
  ];
  const failed = parts.filter(({ passed }) => !passed).length;
  const verdict = failed === 0 ? color.green("equal within bounds") : color.red(`${failed} of ${parts.length} parts differ`);
  return `${fit(folder)}\n${table(columns, rows)}\n${verdict}\n`;
}
