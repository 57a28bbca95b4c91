// A watch on the device: where work was given to it and nothing comes back, a person is told. Compiling, a driver that hangs and an adapter
// that swaps look alike from here, so nothing is ever ended for it.
import { formatSeconds } from "../terminal.js";

export interface StallWatch {
  /** A sign of life: an update was taken, a report read, a batch evaluated. */
  alive(what: string): void;
  dispose(): void;
}

export interface StallOptions {
  note(line: string): void;
  /** Silence until the first line; longer where steps are slow: see PATIENCE. */
  afterSeconds?: number;
  now?: () => number;
}

/** Between the lines that follow the first. */
const AGAIN_SECONDS = 60;
const LOOK_EVERY_MS = 5_000;
/** Silence is no news before it is so many times the longest that was normal in this run. */
const PATIENCE = 4;

export function watchForStalls({ note, afterSeconds = 60, now = () => performance.now() }: StallOptions): StallWatch {
  let since = now();
  let what = "the first update";
  let longest = 0;
  let told = 0;
  const timer = setInterval(() => {
    const silent = (now() - since) / 1000;
    const limit = Math.max(afterSeconds, PATIENCE * longest);
    if (silent < limit + told * AGAIN_SECONDS) return;
    told++;
    note(
      `no sign of the device for ${formatSeconds(Math.round(silent))}, waiting for ${what}: it may compile kernels, swap, or hang; Ctrl-C twice ends the run, attune resume goes on from its last checkpoint`,
    );
  }, LOOK_EVERY_MS);
  timer.unref();
  return {
    alive(next) {
      const silent = (now() - since) / 1000;
      if (told > 0) note(`the device answers again, after ${formatSeconds(Math.round(silent))}`);
      // what had to be told of is not what is normal
      else longest = Math.max(longest, silent);
      told = 0;
      since = now();
      what = next;
    },
    dispose: () => clearInterval(timer),
  };
}
