// Plain text: a row of {text} for each line, or for each paragraph.

import { printable, type Row } from "@attune/models";
import { type BadRowOptions, badRows } from "./badRows.js";
import { type Chunks, decodeLine, MAX_LINE_BYTES, splitLines, type TextOptions } from "./lines.js";

export interface PlainTextOptions extends TextOptions, BadRowOptions {
  /** "paragraph": lines up to a blank one belong together, joined by "\n". Default "line". */
  unit?: "line" | "paragraph";
}

/** Rows of a text file; blank lines make none. Throws (data) as readJsonl does. */
export async function* readText(chunks: Chunks, name: string, options: PlainTextOptions = {}): AsyncGenerator<Row> {
  const file = printable(name, 300);
  const maxBytes = options.maxLineBytes ?? MAX_LINE_BYTES;
  const tally = badRows(file, options);
  let paragraph: string[] = [];
  let first = 1;
  for await (const line of splitLines(chunks, file, maxBytes, "a text file")) {
    let text: string;
    try {
      text = decodeLine(line, file, options).replace(/\r$/, "");
    } catch (error) {
      tally.bad(error);
      continue;
    }
    const isBlank = text.trim() === "";
    if (options.unit !== "paragraph") {
      if (isBlank) continue;
      tally.kept();
      yield { where: `${file}:${line.number}`, fields: { text } };
    } else if (!isBlank) {
      if (paragraph.length === 0) first = line.number;
      paragraph.push(text);
    } else if (paragraph.length > 0) {
      tally.kept();
      yield { where: `${file}:${first}`, fields: { text: paragraph.join("\n") } };
      paragraph = [];
    }
  }
  if (paragraph.length > 0) {
    tally.kept();
    yield { where: `${file}:${first}`, fields: { text: paragraph.join("\n") } };
  }
  tally.finish("lines of text");
}
