// Signals that ask a run to stop, as an AbortSignal: the first asks it to stop in order, a second Ctrl-C or SIGTERM ends the process at once.
import { EXIT_CODES, interruptedError } from "./errors.js";
import { closedReadersEndNothing } from "./readers.js";

/** SIGHUP: the terminal is closed. Node takes even nohup's word back, so that it always arrives. */
const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface Interruption {
  /** Aborts with an error that the command line turns into exit code 130, 143 or 129. */
  signal: AbortSignal;
  dispose(): void;
}

export interface InterruptionOptions {
  /** How long what SIGTERM or SIGHUP ask for may take, after which the process ends: whoever sent them will not wait for ever. 0: as long as it takes. */
  graceMs?: number;
  /** For tests. */
  source?: Pick<NodeJS.EventEmitter, "on" | "off">;
  exit?: (code: number) => void;
  now?: () => number;
}

/** One Ctrl-C may arrive twice: the terminal sends it to the launcher and to us, and the launcher hands it on. */
const SAME_MS = 300;
const GRACE_SECONDS = 30;

/** While this listens there is something to put in order, so that a reader who is gone (| head) ends nothing either. */
export function listenForInterruption({
  graceMs = graceFrom(process.env.ATTUNE_GRACE),
  source = process,
  exit = process.exit,
  now = () => performance.now(),
}: InterruptionOptions = {}): Interruption {
  const controller = new AbortController();
  const readersCount = closedReadersEndNothing();
  let first = Number.NEGATIVE_INFINITY;
  let grace: NodeJS.Timeout | undefined;
  const handlers = STOP_SIGNALS.map((name) => {
    const handler = (): void => {
      if (controller.signal.aborted) {
        const isImpatient = name !== "SIGHUP" && now() - first >= SAME_MS; // that the terminal is closed was known before
        if (isImpatient) exit(EXIT_CODES[name]);
        return;
      }
      first = now();
      controller.abort(interruptedError(name));
      if (name === "SIGINT" || graceMs === 0) return;
      grace = setTimeout(() => exit(EXIT_CODES[name]), graceMs);
      grace.unref();
    };
    source.on(name, handler);
    return () => source.off(name, handler);
  });
  return {
    signal: controller.signal,
    dispose() {
      clearTimeout(grace);
      for (const off of handlers) off();
      readersCount();
    },
  };
}

/** Seconds, from the environment; what is no number of seconds is passed over. */
function graceFrom(text: string | undefined): number {
  const seconds = text?.trim() ? Number(text) : Number.NaN;
  return 1000 * (seconds >= 0 && Number.isFinite(seconds) ? seconds : GRACE_SECONDS);
}
