// Who reads what is printed may go away: `attune ... | head`, a terminal that is closed, a full disk behind `> log`. Printing is never
// worth a run, so that progress falls silent; and a command that only prints has nothing left to do.
import { EXIT_CODES } from "./errors.js";

/** What a write says when nobody reads any more: a closed pipe, a terminal that is gone. */
const GONE = new Set(["EPIPE", "EIO", "ENXIO", "ECONNRESET"]);

/** Runs with something to put in order. */
let underWay = 0;

/** From now on a lost reader ends nothing, until what is returned is called. */
export function closedReadersEndNothing(): () => void {
  let isOver = false;
  underWay++;
  return () => {
    if (!isOver) underWay--;
    isOver = true;
  };
}

/**
 * Listens to the faults of both streams. Those of stderr, which has progress and notes, are always passed over. Those of stdout, which has
 * what was asked for, end the process (0 where its reader has enough, 5 where the place refuses), unless there is something under way.
 */
export function watchReaders(
  stdout: NodeJS.EventEmitter = process.stdout,
  stderr: NodeJS.EventEmitter = process.stderr,
  exit: (code: number) => void = process.exit,
): void {
  stderr.on("error", () => {});
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (GONE.has(error.code ?? "")) {
      if (underWay === 0) exit(EXIT_CODES.ok);
    } else if (underWay === 0) exit(EXIT_CODES.storage);
    else process.exitCode = EXIT_CODES.storage;
  });
}
