// How much of a captured program goes into one submit. Systems reset a device whose single submit runs too long (Windows: 2 s), so a
// replayed step is cut where its estimated work would pass a bound that follows the measured speed.

/** A quarter of what Windows allows: the estimate may be wrong by as much. */
const TARGET_MS = 500;
/** Work of a submit until one was measured: a quarter of a second at 1 TFLOP/s. */
const FIRST_WORK = 2.5e11;
/** Weight of the newest measurement where it is faster than those before; a slower one counts in full. */
const NEWEST = 0.25;
/** What starting a call costs, in work. */
const WORK_OF_CALL = 1e6;
/** Operations that take about as long as one byte moved. */
const WORK_OF_BYTE = 10;

export function workOf({ flops, bytes }: { readonly flops: number; readonly bytes: number }): number {
  return flops + WORK_OF_BYTE * bytes + WORK_OF_CALL;
}

export class SubmitPace {
  #msOfWork: number | null = null;

  /** @param isBounded false on software adapters, which nothing resets: one submit a program */
  constructor(private readonly isBounded: boolean) {}

  /** Most work of the next submit. */
  get most(): number {
    if (!this.isBounded) return Number.POSITIVE_INFINITY;
    return this.#msOfWork === null ? FIRST_WORK : TARGET_MS / this.#msOfWork;
  }

  /** So much work took so long, alone on the device. */
  measured(work: number, milliseconds: number): void {
    if (work <= 0 || milliseconds <= 0) return;
    const now = milliseconds / work;
    const before = this.#msOfWork;
    this.#msOfWork = before === null || now > before ? now : before + NEWEST * (now - before);
  }

  /** Whether the call goes into a new submit: the one at hand has `taken` work already. A call too large by itself goes alone. */
  cuts(taken: number, work: number): boolean {
    return taken > 0 && taken + work > this.most;
  }
}
