// An evaluation as a person reads it in a terminal.
import type { EvaluationResult } from "../recipes/evaluate.js";
import { color, fit, formatBytes, formatCount, formatSeconds, oneLine } from "../terminal.js";
import { printScore } from "./scoreText.js";

export function printEvaluation(result: EvaluationResult): string {
  const { name, task, method, shots, scores, distinct, seconds, tokensPerSecond, peakDeviceBytes, parameters } = result;
  const how = [task, ...(method === "likelihood" ? ["by likelihood"] : []), shots > 0 ? `${shots}-shot` : "zero-shot"];
  const facts = [
    `${Math.round(100 * distinct)} % of answers differ`,
    `${formatSeconds(seconds)}, ${formatCount(tokensPerSecond)} tokens/s`,
    `${formatCount(parameters)} parameters, peak ${formatBytes(peakDeviceBytes)}`,
  ];
  return `${[
    fit(`${color.bold(oneLine(name))}: ${how.join(", ")}`),
    ...scores.map((score) => printScore({ system: name, ...score })),
    fit(facts.join("; ")),
  ].join("\n\n")}\n`;
}
