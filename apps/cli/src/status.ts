// One calm line that says what is going on. On a terminal it is redrawn in place, at most ten times a second; in a pipe,
// in CI and on a dumb terminal it becomes a plain line now and then, so that logs stay short and readable.
import { oneLine } from "./terminal.js";

export interface StatusOptions {
  stream?: NodeJS.WriteStream;
  /** Milliseconds between plain lines where there is no terminal. */
  plainEveryMs?: number;
  now?: () => number;
}

export interface Status {
  /** Replaces the line. Calls in between redraws cost nothing. */
  update(text: string): void;
  /** Prints a line that stays, above the status. */
  log(text: string): void;
  /** Removes the status line, or leaves `text` in its place. Safe to call twice. */
  done(text?: string): void;
}

const CLEAR_LINE = "\r\u001b[2K";
const REDRAW_MS = 100;

export function createStatus({
  stream = process.stderr,
  plainEveryMs = 10_000,
  now = () => performance.now(),
}: StatusOptions = {}): Status {
  const isLive = stream.isTTY === true && !process.env.CI && process.env.TERM !== "dumb";
  let text = "";
  let isShown = false;
  let last = Number.NEGATIVE_INFINITY;

  // The line is cleared before it is drawn, so that what others (Dawn, a driver) wrote in between never sticks to it.
  const draw = () => {
    stream.write(CLEAR_LINE + oneLine(text, Math.max(10, (stream.columns ?? 80) - 1)));
    isShown = true;
    last = now();
  };
  const clear = () => {
    if (isShown) stream.write(CLEAR_LINE);
    isShown = false;
  };
  return {
    update(next) {
      text = next;
      if (now() - last < (isLive ? REDRAW_MS : plainEveryMs)) return;
      if (isLive) return draw();
      last = now();
      stream.write(`${oneLine(text)}\n`);
    },
    log(line) {
      clear();
      stream.write(`${line}\n`);
      if (isLive && text) draw();
    },
    done(line) {
      clear();
      text = "";
      if (line !== undefined) stream.write(`${line}\n`);
    },
  };
}
