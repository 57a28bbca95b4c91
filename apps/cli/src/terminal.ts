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

/** Colours for stdout; plain under NO_COLOR, in a pipe and on a dumb terminal (FORCE_COLOR asks for them anyway). */
export const color = pc.createColors(wantsColour(process.env, process.stdout.isTTY === true));
/** The same for what is written to stderr, progress and questions: one of the two may be a pipe. */
export const errColor = pc.createColors(wantsColour(process.env, process.stderr.isTTY === true));

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

/** Columns of a terminal, 20 at least; without one (a pipe, a file) lines are as long as they are. */
export function columnsOf(stream: Pick<NodeJS.WriteStream, "isTTY" | "columns"> = process.stdout): number {
  return stream.isTTY ? Math.max(20, stream.columns || 80) : Number.POSITIVE_INFINITY;
}

/**
 * Breaks plain text at spaces into lines of at most `width` columns; a longer word is broken, behind a mark where it has one. What two
 * spaces part are facts ("loss 2.1  step 6"): one stays whole where it fits on a line.
 */
export function wrap(text: string, width: number): string[] {
  const facts = text
    .trim()
    .split(/\s{2,}/)
    .flatMap((fact) => layWords(fact.split(/\s/), " ", width));
  return layWords(facts, "  ", width);
}

function layWords(words: readonly string[], space: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line && displayWidth(line + space + word) > width) {
      lines.push(line);
      line = "";
    }
    const pieces = breakWord(word, width);
    lines.push(...pieces.slice(0, -1));
    line = line ? line + space + word : pieces.at(-1)!;
  }
  if (line || lines.length === 0) lines.push(line);
  return lines;
}

/** Pieces of a word (a path, a signature) that fit. The last mark of a piece's second half is where it ends. */
function breakWord(word: string, width: number): string[] {
  const pieces: string[] = [];
  let rest = word;
  while (displayWidth(rest) > Math.max(1, width)) {
    let fitting = "";
    for (const character of rest) {
      if (fitting && displayWidth(fitting + character) > width) break;
      fitting += character;
    }
    const mark = Math.max(...["/", "|", ",", ";", ":", "-", "_"].map((one) => fitting.lastIndexOf(one)));
    const piece = mark > fitting.length / 2 ? fitting.slice(0, mark + 1) : fitting;
    pieces.push(piece);
    rest = rest.slice(piece.length);
  }
  if (rest || pieces.length === 0) pieces.push(rest);
  return pieces;
}

/** Lines that stand as they are where they fit, and else are broken at words; further lines of one are indented as it is. */
export function fit(text: string, width = columnsOf()): string {
  const lines = text.split("\n").flatMap((line) => {
    if (displayWidth(line) <= width) return [line];
    const { start, plain, end } = colours(line);
    const indent = /^ {0,8}/.exec(plain)![0];
    return wrap(plain, width - indent.length).map((part) => indent + start + part + end);
  });
  return lines.join("\n");
}

export interface Column {
  title: string;
  /** Numbers stand to the right, so that their digits stand below each other. */
  align?: "left" | "right";
}

const GAP = 2;
/** A column of words is not made narrower than its longest word, or than this where that is longer (a path, a signature). */
const NARROWEST = 20;

/**
 * A table without lines: titles, a rule below them (neither where no column has one), and columns two spaces apart. Cells are made safe.
 * Where it is wider than `width`, columns of words are wrapped; where that is not enough, a row's cells stand below one another.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], width = columnsOf()): string {
  const titles = columns.map(({ title }) => safeCell(title));
  const cells = rows.map((row) => columns.map((_, i) => safeCell(row[i] ?? "")));
  const natural = titles.map((title, i) => Math.max(displayWidth(title), ...cells.map((row) => displayWidth(row[i]!))));
  const least = natural.map((most, i) =>
    columns[i]!.align === "right" ? most : Math.min(most, NARROWEST, longestWord([titles[i]!, ...cells.map((row) => row[i]!)])),
  );
  const widths = narrowed(natural, least, width - GAP * (columns.length - 1));
  const hasTitles = titles.some(Boolean);
  if (widths === null) return stacked(titles, cells, width, hasTitles);
  const line = (row: readonly string[]): string[] => {
    const parts = row.map((cell, i) => wrapCell(cell, widths[i]!));
    return Array.from({ length: Math.max(...parts.map(({ length }) => length)) }, (_, n) =>
      parts
        .map((lines, i) => {
          const text = lines[n] ?? "";
          const space = " ".repeat(widths[i]! - displayWidth(text));
          return columns[i]!.align === "right" ? space + text : text + space;
        })
        .join(" ".repeat(GAP))
        .trimEnd(),
    );
  };
  const rule = color.dim(widths.map((columnWidth) => "-".repeat(columnWidth)).join(" ".repeat(GAP)));
  return [...(hasTitles ? [...line(titles), rule] : []), ...cells.flatMap(line)].join("\n");
}

/** Widths that fit `space`, the widest made narrower first; null where there are none. */
function narrowed(natural: readonly number[], least: readonly number[], space: number): number[] | null {
  const widths = [...natural];
  let over = widths.reduce((sum, width) => sum + width, 0) - space;
  while (over > 0) {
    const slack = widths.map((width, i) => (width > least[i]! ? width : 0));
    const widest = slack.indexOf(Math.max(...slack));
    if (slack[widest] === 0) return null;
    widths[widest]!--;
    over--;
  }
  return widths;
}

/** Each row's first cell, and below it the others under their titles' names. Of two columns the titles are a row of their own. */
function stacked(titles: readonly string[], cells: readonly (readonly string[])[], width: number, hasTitles: boolean): string {
  const isPairs = titles.length === 2;
  const names = isPairs ? [] : titles.slice(1).filter((title) => displayWidth(title) <= width / 2);
  const nameWidth = Math.max(0, ...names.map(displayWidth));
  const block = ([first = "", ...others]: readonly string[]): string[] => [
    ...wrapCell(isPairs || !titles[0] ? first : `${titles[0]} ${first}`, width),
    ...others.flatMap((cell, i) => {
      if (cell === "") return [];
      const title = isPairs ? "" : (titles[i + 1] ?? "");
      // a title that leaves its cell no room stands above it
      if (title && displayWidth(title) > width / 2)
        return [
          ...wrapCell(title, width - 2).map((text) => `  ${color.dim(text)}`),
          ...wrapCell(cell, width - 4).map((text) => `    ${text}`),
        ];
      const indent = " ".repeat(title ? nameWidth + 4 : 2);
      const [head = "", ...more] = wrapCell(cell, width - indent.length);
      const name = title + " ".repeat(Math.max(0, nameWidth - displayWidth(title)));
      return [`  ${title ? `${color.dim(name)}  ` : ""}${head}`, ...more.map((text) => indent + text)];
    }),
  ];
  const head = isPairs && hasTitles ? [...block(titles), color.dim("-".repeat(Math.min(width, 20)))] : [];
  return [...head, ...cells.flatMap(block)].join("\n");
}

const longestWord = (texts: readonly string[]): number =>
  Math.max(...texts.flatMap((text) => text.replace(ANSI, "").split(/\s+/)).map(displayWidth));

function wrapCell(cell: string, width: number): string[] {
  if (displayWidth(cell) <= width) return [cell];
  const { start, plain, end } = colours(cell);
  return wrap(plain, width).map((line) => start + line + end);
}

/** A text's colours, where it is of one colour; of several the text alone. */
function colours(text: string): { start: string; plain: string; end: string } {
  const [, start, end] = /^((?:\u001b\[[\d;]*m)*)[^\u001b]*((?:\u001b\[[\d;]*m)*)$/.exec(text) ?? ["", "", ""];
  return { start: start!, plain: text.replace(ANSI, ""), end: end! };
}

// Colours that the caller put in stay; anything else that is no printable text does not.
function safeCell(cell: string): string {
  const found = cell.match(ANSI) ?? [];
  const parts = cell.split(ANSI).map((part) => oneLine(part));
  return parts.map((part, i) => part + (found[i] ?? "")).join("");
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
