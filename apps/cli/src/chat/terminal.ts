// A chat's lines in and out: on a terminal with a prompt and tokens as they come; in a pipe a line a turn, answers alone on stdout.
import { createInterface } from "node:readline";
import { EXIT_CODES } from "../errors.js";
import { color, columnsOf, displayWidth, errColor, fit, oneLine, sanitizeForTerminal, wrap } from "../terminal.js";
import type { ChatOutput, ChatSession } from "./session.js";

/** From this width on two answers stand beside each other. */
const SIDE_BY_SIDE = 60;

export function chatOutput(isTerminal: boolean): ChatOutput {
  let hasBegun = false;
  const line = (text: string) => process.stdout.write(`${oneLine(text.trim())}\n`);
  return {
    note: (text) => void process.stderr.write(`${fit(errColor.dim(sanitizeForTerminal(text)), columnsOf(process.stderr))}\n`),
    piece(text) {
      if (!isTerminal) return;
      const said = hasBegun ? text : text.trimStart();
      hasBegun ||= said !== "";
      process.stdout.write(sanitizeForTerminal(said));
    },
    answered(text) {
      hasBegun = false;
      if (isTerminal) process.stdout.write("\n");
      else line(text);
    },
    both(adapted, base) {
      const columns = process.stdout.columns ?? 80;
      if (isTerminal && columns >= SIDE_BY_SIDE) process.stdout.write(`${sideBySide(adapted, base, columns)}\n`);
      else
        for (const [name, text] of [
          ["with", adapted],
          ["without", base],
        ] as const)
          line(`${name}: ${text.trim()}`);
    },
  };
}

/** Two texts in two columns, within `columns` together. */
export function sideBySide(left: string, right: string, columns: number): string {
  const width = Math.floor((columns - 4) / 2);
  const cut = (text: string) => wrap(sanitizeForTerminal(text).replaceAll("\n", " "), width);
  const [a, b] = [cut(left), cut(right)];
  const rows = Array.from({ length: Math.max(a.length, b.length) }, (_, i) => [a[i] ?? "", b[i] ?? ""] as const);
  const pad = (text: string) => text + " ".repeat(Math.max(0, width - displayWidth(text)));
  const head = `${color.bold(pad("with the adapter"))}  ${color.bold("without")}`;
  return [head, ...rows.map(([one, other]) => `${pad(one)}  ${other}`.trimEnd())].join("\n");
}

/** Until input ends, a line says so, or Ctrl-C comes while nothing is answered; the first one during an answer only stops that. */
export async function converse(session: ChatSession, isTerminal: boolean): Promise<void> {
  const lines = createInterface({
    input: process.stdin,
    ...(isTerminal ? { output: process.stdout, prompt: "> " } : {}),
    terminal: isTerminal,
  });
  let isOver = false;
  const onInterrupt = () => {
    if (session.stop()) return;
    isOver = true;
    process.exitCode = EXIT_CODES.SIGINT;
    lines.close();
  };
  // a terminal in readline's hands sends no signal
  lines.on("SIGINT", onInterrupt);
  process.on("SIGINT", onInterrupt);
  try {
    if (isTerminal) lines.prompt();
    for await (const line of lines) {
      if (isOver || !(await session.take(line)) || isOver) break;
      if (isTerminal) lines.prompt();
    }
    if (isTerminal && isOver) process.stdout.write("\n");
  } finally {
    process.off("SIGINT", onInterrupt);
    lines.close();
  }
}
