// A comparison as text: a terminal's table, Markdown, CSV. One list of columns serves all three.
import type { ComparedSample, ComparedSystem, Comparison } from "../recipes/compare.js";
import { tellingSamples } from "../recipes/compare.js";
import {
  color,
  columnsOf,
  fit,
  formatBytes,
  formatCount,
  formatSeconds,
  oneLine,
  sanitizeForTerminal,
  table,
  wrap,
} from "../terminal.js";
import { formatInterval, formatP, formatValue } from "./scoreText.js";

interface Cell {
  title: string;
  /** For people. */
  text: string;
  /** For programs; empty where unknown. */
  raw: string;
}

const FACTS: readonly [title: string, key: keyof ComparedSystem["facts"], show: (value: number) => string][] = [
  ["parameters", "parameters", formatCount],
  ["trained", "trainableParameters", formatCount],
  ["saved", "savedBytes", formatBytes],
  ["training", "trainSeconds", formatSeconds],
  ["training tokens/s", "tokensPerSecond", formatCount],
  ["answering", "evalSeconds", formatSeconds],
  ["peak memory", "peakDeviceBytes", formatBytes],
];

function cellsOf(system: ComparedSystem): Cell[] {
  const scores = system.scores.flatMap(({ metric, values, intervals, compared, headline }) =>
    Object.entries(values).flatMap(([name, value]): Cell[] => {
      const title = metric === "rouge" || name === metric ? name : `${metric} ${name}`;
      const interval = intervals?.[name];
      const difference = compared?.differences[name];
      const cells: Cell[] = [{ title, text: formatValue(value), raw: rawNumber(value) }];
      if (name !== headline) return cells;
      if (interval)
        cells.push({
          title: `${title} 95 %`,
          text: formatInterval(interval),
          raw: `${rawNumber(interval.low)};${rawNumber(interval.high)}`,
        });
      const p = difference ? formatP(difference.pValue) : "";
      cells.push({ title: `${title} p`, text: p, raw: difference ? rawNumber(difference.pValue) : "" });
      return cells;
    }),
  );
  const facts = FACTS.map(([title, key, show]): Cell => {
    const value = system.facts[key];
    return { title, text: value === null ? "" : show(value), raw: value === null ? "" : rawNumber(value) };
  });
  const distinct = { title: "distinct", text: `${Math.round(100 * system.distinct)} %`, raw: rawNumber(system.distinct) };
  return [{ title: "system", text: system.name, raw: system.name }, ...scores, distinct, ...facts];
}

/** Columns that no system has anything in are left out. */
function grid(systems: readonly ComparedSystem[]): { titles: string[]; rows: Cell[][] } {
  const rows = systems.map(cellsOf);
  const kept = rows[0]!.map((_, c) => c).filter((c) => rows.some((row) => row[c]!.text !== ""));
  return { titles: kept.map((c) => rows[0]![c]!.title), rows: rows.map((row) => kept.map((c) => row[c]!)) };
}

function notesOf({ systems, rows }: Comparison): string[] {
  const [first, second] = systems as [ComparedSystem, ComparedSystem | undefined];
  return [
    ...first.scores.flatMap(({ signature, intervalSignature }) => [signature, intervalSignature ?? ""]),
    ...(second ? [`p: each against ${first.name}, ${rows} rows; ${second.scores[0]!.compared!.signature}`] : []),
  ].filter((note, i, all) => note !== "" && all.indexOf(note) === i);
}

/** One line a system would be too wide: a column a system, values below one another. */
export function comparisonText(comparison: Comparison, sampleCount: number): string {
  const { titles, rows } = grid(comparison.systems);
  const columns = [
    { title: comparison.task },
    ...rows.map(([name]) => ({ title: oneLine(name!.text, 32), align: "right" as const })),
  ];
  const body = titles.slice(1).map((title, c) => [title, ...rows.map((row) => row[c + 1]!.text)]);
  const notes = notesOf(comparison).map((note) => color.dim(fit(sanitizeForTerminal(note))));
  const samples = tellingSamples(comparison, sampleCount).map((sample) => sampleText(sample, comparison.systems));
  return `${[[table(columns, body), ...notes].join("\n"), ...samples].join("\n\n")}\n`;
}

function sampleText({ id, prompt, references, outputs, scores }: ComparedSample, systems: readonly ComparedSystem[]): string {
  const names = ["prompt", "reference", ...systems.map(({ name }) => oneLine(name, Math.min(24, columnsOf() - 2)))];
  const texts = [
    oneLine(prompt, 300),
    ...references.slice(0, 1).map((text) => oneLine(text)),
    ...outputs.map((text) => oneLine(text)),
  ];
  const width = Math.max(...names.map((name) => name.length));
  const columns = Math.min(104, columnsOf());
  const isNarrow = columns < width + 34; // texts stand below their names
  const indent = isNarrow ? 4 : width + 4;
  const lines = texts.map((text, i) => {
    // the score goes with the last word
    const score = i >= 2 ? ` (${formatValue(scores[i - 2]!)})` : "";
    const body = wrap(`${text}${score}`, columns - indent);
    const name = `  ${names[i]!.padEnd(width)}`;
    const [first = "", ...more] = body;
    return [isNarrow ? `${name.trimEnd()}\n    ${first}` : `${name}  ${first}`, ...more].join(`\n${" ".repeat(indent)}`);
  });
  return [color.bold(oneLine(id, Math.min(60, columns))), ...lines].join("\n");
}

export function comparisonMarkdown(comparison: Comparison, sampleCount: number): string {
  const { titles, rows } = grid(comparison.systems);
  const line = (cells: readonly string[]) => `| ${cells.map(markdownCell).join(" | ")} |`;
  const head = [line(["", ...rows.map(([name]) => name!.text)]), `|---|${rows.map(() => "---:|").join("")}`];
  const body = titles.slice(1).map((title, c) => line([title, ...rows.map((row) => row[c + 1]!.text)]));
  const samples = tellingSamples(comparison, sampleCount).flatMap(({ id, prompt, references, outputs }) => [
    "",
    `### ${markdownCell(id)}`,
    "",
    line(["", "text"]),
    "|---|---|",
    line(["prompt", prompt]),
    ...references.map((text) => line(["reference", text])),
    ...outputs.map((text, k) => line([comparison.systems[k]!.name, text])),
  ]);
  const notes = notesOf(comparison).map((note) => `- ${markdownCell(note)}`);
  return `${[`# ${markdownCell(comparison.task)}, ${comparison.rows} examples`, "", ...head, ...body, "", ...notes, ...samples].join("\n")}\n`;
}

/** Text that can start no markup, leave its cell, or hide: from data, so nothing in it is meant. */
export function markdownCell(text: string): string {
  return oneLine(text)
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/[\\`*_{}[\]()#+!|~>-]/g, (mark) => `\\${mark}`);
}

export function comparisonCsv({ systems }: Comparison): string {
  const { titles, rows } = grid(systems);
  return [titles, ...rows.map((row) => row.map(({ raw }) => raw))].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

/** Quoted where RFC 4180 asks for it. What a spreadsheet would take for a formula gets an apostrophe, numbers aside. */
function csvCell(text: string): string {
  const safe = /^[=+@\t\r-]/.test(text) && !/^-?[\d.]+(e[+-]?\d+)?(;-?[\d.e+-]+)?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function rawNumber(value: number): string {
  return Number.isFinite(value) ? String(value) : "";
}
