// The course of the training loss: smoothed for reports, and watched for spikes. Plain data in, plain data out.

/** JSON, part of a checkpoint. */
export interface Smoothing {
  /** Of past losses, each weighed by how long ago it was; and of those weights. */
  sum: number;
  weight: number;
}

export const NOTHING_SMOOTHED: Smoothing = { sum: 0, weight: 0 };
/** Of the update before: the half-life is 34 updates. */
export const SMOOTHING_BETA = 0.98;

/**
 * Exponential moving average by updates, with tqdm's and Adam's correction of the start. For a report of mean loss x over k updates:
 *   sum <- b^k sum + (1 - b^k) x,   weight <- b^k weight + (1 - b^k),   average = sum / weight
 * How often a run reports hardly matters to it, therefore. A loss that is no number is left out.
 */
export function smooth({ sum, weight }: Smoothing, loss: number, updates: number, beta = SMOOTHING_BETA): Smoothing {
  if (!Number.isFinite(loss)) return { sum, weight };
  const kept = beta ** updates;
  return { sum: kept * sum + (1 - kept) * loss, weight: kept * weight + (1 - kept) };
}

/** NaN before the first. */
export const smoothed = ({ sum, weight }: Smoothing): number => sum / weight;

/** Reports that a loss is compared with, the fewest for a judgement, and how far above their mean it has to be. */
const [WINDOW, FEWEST, LIMIT] = [20, 8, 6];

export interface Spike {
  loss: number;
  mean: number;
  /** (loss - mean) / deviation */
  z: number;
}

/**
 * Watches for losses far above the ones before: more than 6 standard deviations above the mean of the last 20 reports, or where these hardly
 * differ of a hundredth of it. A spike is told once, when it begins, and its losses are not among those that later ones are compared with.
 */
export function watchSpikes(): (loss: number) => Spike | null {
  const before: number[] = [];
  let isWithin = false;
  let length = 0;
  return (loss) => {
    const mean = before.reduce((sum, value) => sum + value, 0) / before.length;
    const variance = before.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, before.length - 1);
    const z = (loss - mean) / Math.max(Math.sqrt(variance), 0.01 * Math.abs(mean));
    // a level that stays is no spike any more: the window starts anew from it
    if (before.length >= FEWEST && z > LIMIT && length < WINDOW) {
      const begins = !isWithin;
      isWithin = true;
      length++;
      return begins ? { loss, mean, z } : null;
    }
    if (length === WINDOW) before.length = 0;
    isWithin = false;
    length = 0;
    if (Number.isFinite(loss)) before.push(loss);
    if (before.length > WINDOW) before.shift();
    return null;
  };
}
