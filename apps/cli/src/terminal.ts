// Text for a terminal: made safe, coloured where colours are wanted, measured, laid out in tables.
import pc from "picocolors";

// Bidi marks and overrides, line and paragraph separators, zero-width joiners of direction, lone surrogates.
const INVISIBLE =
  /[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g; // all but the line feed
const ANSI = /\u001b\[[\d;]*m/g;

/**
 * Text from files, models and servers, as it may be printed: control characters and marks that reorder or hide text
 * become visible escapes, so that no row of a data set can move the cursor or forge a line.
 */
export function sanitizeForTerminal(text: string): string {
  const hex = (character: string, digits: number) => character.charCodeAt(0).toString(16).padStart(digits, "0");
  return text
    .replaceAll("\t", "  ")
    .replace(CONTROL, (character) => `\\x${hex(character, 2)}`)
    .replace(INVISIBLE, (character) => `\\u${hex(character, 4)}`);
}

/** The same on one line, cut at `width` columns. */
export function oneLine(text: string, width = Number.POSITIVE_INFINITY): string {
  return truncate(sanitizeForTerminal(text).replace(/\s*\n\s*/g, " "), width);
}

/** Colours; plain under NO_COLOR, in a pipe and on a dumb terminal (FORCE_COLOR asks for them anyway). */
export const color = pc.createColors(wantsColour(process.env, process.stdout.isTTY === true));

/** picocolors alone would colour a pipe wherever CI is set, and what reads the pipe would have to take the codes out again. */
export function wantsColour(env: NodeJS.ProcessEnv, isTerminal: boolean): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== "0";
  return isTerminal && env.TERM !== "dumb";
}

/** Columns that a string takes: colours take none, East Asian wide characters and emoji two, combining marks none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text.replace(ANSI, "")) {
    if (/\p{Mark}|\u200b|\u200d|\ufe0f/u.test(character)) continue;
    width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

/** Cuts plain text to `width` columns, with an ellipsis where something was cut. */
export function truncate(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let cut = "";
  let used = 0;
  for (const character of text) {
    used += displayWidth(character);
    if (used > width - 1) break;
    cut += character;
  }
  return `${cut}…`;
}

/** Breaks plain text at spaces into lines of at most `width` columns; a longer word stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/).filter(Boolean)) {
    if (line && displayWidth(line) + 1 + displayWidth(word) > width) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  if (line || lines.length === 0) lines.push(line);
  return lines;
}

export interface Column {
  title: string;
  /** Numbers stand to the right, so that their digits stand below each other. */
  align?: "left" | "right";
}

/** A table without lines: titles, a rule below them, and columns two spaces apart. Cells are made safe. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => columns.map((_, i) => safeCell(row[i] ?? "")));
  const widths = columns.map(({ title }, i) => Math.max(displayWidth(title), ...cells.map((row) => displayWidth(row[i]!))));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => {
        const space = " ".repeat(widths[i]! - displayWidth(cell));
        return columns[i]!.align === "right" ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [line(columns.map(({ title }) => title)), color.dim(rule), ...cells.map(line)].join("\n");
}

// Colours that the caller put in stay; anything else that is no printable text does not.
function safeCell(cell: string): string {
  const colours = cell.match(ANSI) ?? [];
  const parts = cell.split(ANSI).map((part) => oneLine(part));
  return parts.map((part, i) => part + (colours[i] ?? "")).join("");
}

/** 1234567 -> "1.23 M", 900 -> "900". */
export function formatCount(value: number): string {
  return scaled(value, 1000, ["", " k", " M", " G", " T"]);
}

/** 1234567 -> "1.18 MiB". */
export function formatBytes(bytes: number): string {
  return scaled(bytes, 1024, [" B", " KiB", " MiB", " GiB", " TiB"]);
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let unit = 0;
  let rest = value;
  while (Math.abs(rest) >= base * 0.9995 && unit < units.length - 1) {
    rest /= base;
    unit++;
  }
  const digits = unit === 0 ? (Number.isInteger(rest) ? 0 : 1) : Math.abs(rest) >= 100 ? 0 : Math.abs(rest) >= 10 ? 1 : 2;
  return rest.toFixed(digits) + units[unit];
}

/** 75.4 -> "1 min 15 s", 7.25 -> "7.3 s". */
export function formatSeconds(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
