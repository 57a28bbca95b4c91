// Scores as a person reads them in a terminal: values, how sure they are, and what exactly was computed.
import type { Difference } from "@attune/eval";
import type { SystemScore } from "../recipes/scoreFiles.js";
import { color, fit, table } from "../terminal.js";

const RIGHT = { align: "right" } as const;

/** A value with as many digits as its scale wants: 0..1 four, 0..100 two. */
export function formatValue(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "n/a";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return value.toFixed(Math.abs(value) <= 1 ? 4 : 2);
}

/** "38.27 to 47.18" */
export function formatInterval({ low, high }: { low: number; high: number }): string {
  return `${formatValue(low)} to ${formatValue(high)}`;
}

export function formatP(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "n/a";
  return value < 0.0005 ? "< 0.001" : value.toFixed(3);
}

/** Values of one or several systems, differences from the first, signatures. */
export function printScores(scores: readonly SystemScore[]): string {
  return `${scores.map((score) => (scores.length > 1 ? `${color.bold(score.system)}\n` : "") + printScore(score)).join("\n\n")}\n`;
}

/** Values below one another, with whatever is known of their intervals and differences. */
export function printScore(score: SystemScore): string {
  const { values, intervals, intervalSignature, compared, signature, details, rows } = score;
  const columns = [
    { title: score.metric },
    { title: "value", ...RIGHT },
    ...(intervals ? [{ title: "95 % interval", ...RIGHT }] : []),
    ...(compared
      ? [
          { title: "difference", ...RIGHT },
          { title: "p", ...RIGHT },
        ]
      : []),
  ];
  const body = Object.entries(values).map(([name, value]) => [
    name,
    formatValue(value),
    ...(intervals ? [intervals[name] ? formatInterval(intervals[name]) : ""] : []),
    ...(compared ? differenceCells(compared.differences[name]!) : []),
  ]);
  const lost = details.unparsed as number | undefined;
  const notes = [
    `${rows} rows; ${signature}`,
    ...(lost ? [`${lost} of ${rows} answers name no class: they count as wrong`] : []),
    ...(intervalSignature ? [intervalSignature] : []),
    ...(compared ? [compared.signature] : []),
  ];
  return [table(columns, body), ...notes.map((note) => color.dim(fit(note)))].join("\n");
}

function differenceCells({ difference, pValue }: Difference): string[] {
  return [`${difference >= 0 ? "+" : ""}${formatValue(difference)}`, formatP(pValue)];
}
