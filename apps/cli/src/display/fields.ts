// Short facts laid out on as few lines as a terminal's width allows. Text is made safe and cut; no line is wider than asked.
import { displayWidth, errColor, oneLine } from "../terminal.js";

export interface Field {
  /** In front of the text, quieter. */
  label?: string;
  text: string;
}

const GAP = "   ";

/** Fields in order, a line as full as it gets. */
export function layFields(fields: readonly Field[], width: number): string[] {
  const lines: string[] = [];
  let line = "";
  let used = 0;
  for (const field of fields) {
    const { text, columns } = paint(field, width);
    if (line !== "" && used + GAP.length + columns <= width) {
      line += GAP + text;
      used += GAP.length + columns;
    } else {
      if (line !== "") lines.push(line);
      line = text;
      used = columns;
    }
  }
  if (line !== "") lines.push(line);
  return lines;
}

function paint({ label, text }: Field, width: number): { text: string; columns: number } {
  const plain = oneLine(label === undefined ? text : `${label} ${text}`, width);
  const columns = displayWidth(plain);
  // a label that was cut through keeps one colour
  if (label === undefined || plain.length <= label.length) return { text: plain, columns };
  return { text: errColor.dim(plain.slice(0, label.length)) + plain.slice(label.length), columns };
}

/** The longest of several ways to say a thing that fits; none where even the shortest does not. */
export function longestThatFits(ways: readonly string[], width: number): string[] {
  const fitting = ways.filter((way) => displayWidth(way) <= width);
  return fitting.length === 0 ? [] : [fitting.reduce((a, b) => (b.length > a.length ? b : a))];
}
