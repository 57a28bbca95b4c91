// Which evaluation was the best, and whether a run should stop: transformers' rules (trainer_callback.py) over plain
// data, so that a checkpoint holds all of it and a run that goes on decides as the one that never stopped.

export interface SelectionOptions {
  /** Of a loss less is better, of a metric more. */
  greaterIsBetter: boolean;
  /** Evaluations in a row without improvement after which the run stops; null: never. */
  patience?: number | null;
  /** What an improvement has to exceed for patience; the best evaluation needs no such margin. */
  minDelta?: number;
}

/** JSON, part of a checkpoint. */
export interface Selection {
  best: { step: number; value: number } | null;
  /** Evaluations since the last improvement by more than minDelta. */
  waited: number;
}

export const NOTHING_SELECTED: Selection = { best: null, waited: 0 };

/** After one more evaluation. A value that is no number is never an improvement. */
export function select(
  { best, waited }: Selection,
  { step, value }: { step: number; value: number },
  { greaterIsBetter, patience = null, minDelta = 0 }: SelectionOptions,
): Selection & { isBest: boolean; stops: boolean } {
  const gain = best === null ? Number.POSITIVE_INFINITY : greaterIsBetter ? value - best.value : best.value - value;
  const isBest = Number.isFinite(value) && gain > 0;
  const improves = Number.isFinite(value) && gain > minDelta;
  const now = improves ? 0 : waited + 1;
  return { best: isBest ? { step, value } : best, waited: now, isBest, stops: patience !== null && now >= patience };
}
