// Ctrl-C and SIGTERM as an AbortSignal: the first asks a run to stop in order, the second ends the process at once.
import { EXIT_CODES, interruptedError } from "./errors.js";

export interface Interruption {
  /** Aborts with an error that the command line turns into exit code 130 or 143. */
  signal: AbortSignal;
  dispose(): void;
}

export function listenForInterruption(): Interruption {
  const controller = new AbortController();
  const handlers = (["SIGINT", "SIGTERM"] as const).map((name) => {
    const handler = () => {
      if (controller.signal.aborted) process.exit(EXIT_CODES[name]);
      controller.abort(interruptedError(name));
    };
    process.on(name, handler);
    return () => process.off(name, handler);
  });
  return {
    signal: controller.signal,
    dispose() {
      for (const off of handlers) off();
    },
  };
}
