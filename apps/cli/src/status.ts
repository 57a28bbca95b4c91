// A calm display of what is going on: one line, or a few. On a terminal it is redrawn in place, at most ten times a second and when the
// terminal changes its size; in a pipe, in CI and on a dumb terminal it becomes a plain line now and then, so that logs stay short and
// readable.
import { displayWidth, oneLine } from "./terminal.js";

export interface StatusOptions {
  stream?: NodeJS.WriteStream;
  /** Milliseconds between plain lines where there is no terminal. */
  plainEveryMs?: number;
  now?: () => number;
}

export interface LiveView {
  /** For a terminal: safe to print, none wider than `width` columns. */
  lines(width: number): readonly string[];
  /** For a log. */
  plain: string;
}

export interface Status {
  /** Replaces what is shown. Calls in between redraws cost nothing. */
  update(view: string | LiveView): void;
  /** Prints a line that stays, above the status. */
  log(text: string): void;
  /** Removes the status, or leaves `text` in its place. Safe to call twice. */
  done(text?: string): void;
}

const CLEAR_LINE = "\r\u001b[2K";
const CLEAR_LINE_ABOVE = "\u001b[1A\u001b[2K";
const REDRAW_MS = 100;
const MIN_COLUMNS = 10;

export function createStatus({
  stream = process.stderr,
  plainEveryMs = 10_000,
  now = () => performance.now(),
}: StatusOptions = {}): Status {
  const isLive = stream.isTTY === true && !process.env.CI && process.env.TERM !== "dumb";
  const columns = (): number => Math.max(MIN_COLUMNS, stream.columns || 80);
  let view: string | LiveView = "";
  /** What stands on the terminal now, the cursor behind its last line. */
  let shown: readonly string[] = [];
  let last = Number.NEGATIVE_INFINITY;
  let isListening = false;

  // The last column stays free: some terminals go to the next line when it is written.
  const linesOf = (): readonly string[] => {
    const width = columns() - 1;
    const lines = typeof view === "string" ? [oneLine(view, width)] : view.lines(width);
    return lines.slice(0, Math.max(1, (stream.rows || 24) - 1)); // what has scrolled away cannot be redrawn
  };
  // A terminal that became narrower has broken the old lines, so that they take more rows than there are lines.
  const erased = (): string => {
    const rows = shown.reduce((sum, line) => sum + Math.max(1, Math.ceil(displayWidth(line) / columns())), 0);
    return CLEAR_LINE + CLEAR_LINE_ABOVE.repeat(Math.max(0, rows - 1));
  };
  // What is shown is cleared before it is drawn, so that what others (Dawn, a driver) wrote in between never sticks to it.
  const draw = () => {
    const lines = linesOf();
    stream.write(erased() + lines.join("\n"));
    shown = lines;
    last = now();
  };
  const clear = () => {
    if (shown.length > 0) stream.write(erased());
    shown = [];
  };
  const onResize = () => {
    if (shown.length > 0) draw();
  };
  return {
    update(next) {
      view = next;
      if (isLive && !isListening) stream.on?.("resize", onResize);
      isListening = isLive;
      if (now() - last < (isLive ? REDRAW_MS : plainEveryMs)) return;
      if (isLive) return draw();
      last = now();
      stream.write(`${oneLine(typeof view === "string" ? view : view.plain)}\n`);
    },
    log(line) {
      clear();
      stream.write(`${line}\n`);
      if (isLive && view !== "") draw();
    },
    done(line) {
      clear();
      view = "";
      if (isListening) stream.off?.("resize", onResize);
      isListening = false;
      if (line !== undefined) stream.write(`${line}\n`);
    },
  };
}
