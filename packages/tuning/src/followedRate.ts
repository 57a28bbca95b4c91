// Learning rates that follow the evaluations of a run: a function of what these found so far, so that a checkpoint that holds the evaluations
// holds all of it. Sources: torch.optim.lr_scheduler.ReduceLROnPlateau; transformers 5 (optimization.py, GreedyLR; arXiv:2512.14527).

/** What each kind may be told. Counts are of evaluations; "in a row" means without one of the other sort between. */
export interface FollowingOptions {
  /** Of the learning rate where it falls; greedy divides by it where it rises. 0.1; greedy 0.95. */
  factor?: number;
  /** So many in a row without improvement (greedy: with it, too) are waited for; the next one changes the rate: 10. */
  patience?: number;
  /** What an improvement has to exceed: 1e-4 of the best; greedy 1e-6 itself. */
  threshold?: number;
  thresholdMode?: (typeof THRESHOLD_MODES)[number];
  /** After a fall so many are not counted: 0. */
  cooldown?: number;
  /** Least learning rate: 0; greedy 1e-3. */
  minLr?: number;
  /** Of greedy: the largest, 1. */
  maxLr?: number;
  /** Of greedy: after a rise so many are not counted, 0. */
  warmup?: number;
  /** Of greedy: the mean of the last so many is judged, 1. */
  windowSize?: number;
  /** Of greedy: after so many falls at the least rate all begins anew, 500. */
  resetStart?: number;
}

export const THRESHOLD_MODES = ["rel", "abs"] as const;

export const FOLLOWING_OPTIONS = {
  reduceLrOnPlateau: ["factor", "patience", "threshold", "thresholdMode", "cooldown", "minLr"],
  greedy: [
    "factor", "patience", "threshold", "thresholdMode", "cooldown", "minLr",
    "maxLr", "warmup", "windowSize", "resetStart",
  ],
} as const satisfies Record<string, readonly (keyof FollowingOptions)[]>; // biome-ignore format: few lines

export type FollowingKind = keyof typeof FOLLOWING_OPTIONS;
export const FOLLOWING_KINDS = Object.keys(FOLLOWING_OPTIONS) as [FollowingKind, ...FollowingKind[]];

export const FOLLOWING_DEFAULTS = {
  reduceLrOnPlateau: { factor: 0.1, patience: 10, threshold: 1e-4, thresholdMode: "rel", cooldown: 0, minLr: 0 },
  greedy: {
    factor: 0.95, patience: 10, threshold: 1e-6, thresholdMode: "abs", cooldown: 0, minLr: 1e-3,
    maxLr: 1, warmup: 0, windowSize: 1, resetStart: 500,
  },
} as const satisfies Record<FollowingKind, FollowingOptions>; // biome-ignore format: few lines

export interface Following extends FollowingOptions {
  kind: FollowingKind;
  /** Of the first updates. */
  learningRate: number;
  /** Of a loss less is better, of a metric more. */
  greaterIsBetter: boolean;
}

/** Changes of the rate that are smaller are left out. */
const LEAST_CHANGE = 1e-8;

/** The learning rate behind these evaluations, oldest first; that of a model before its first update is not one of them. */
export function followedRate(following: Following, values: readonly number[]): number {
  return following.kind === "greedy" ? greedyRate(following, values) : plateauRate(following, values);
}

function plateauRate(following: Following, values: readonly number[]): number {
  const options = { ...FOLLOWING_DEFAULTS.reduceLrOnPlateau, ...given(following) };
  const { factor, patience, cooldown, minLr } = options;
  const isBetter = comparison(options);
  let rate = following.learningRate;
  let best: number | null = null;
  let bad = 0;
  let waits = 0;
  for (const value of values) {
    if (isBetter(value, best)) {
      best = value;
      bad = 0;
    } else bad++;
    if (waits > 0) {
      waits--;
      bad = 0;
    }
    if (bad <= patience) continue;
    rate = lowered(rate, factor, minLr);
    waits = cooldown;
    bad = 0;
  }
  return rate;
}

function greedyRate(following: Following, values: readonly number[]): number {
  const options = { ...FOLLOWING_DEFAULTS.greedy, ...given(following) };
  const { factor, patience, cooldown, minLr, maxLr, warmup, windowSize, resetStart } = options;
  const isBetter = comparison(options);
  const begin = { rate: following.learningRate, best: null as number | null, bad: 0, good: 0, waits: 0, atLeast: 0, from: 0 };
  let now = { ...begin };
  values.forEach((_, i) => {
    const value = mean(values.slice(Math.max(now.from, i + 1 - windowSize), i + 1));
    if (now.waits > 0) {
      now = { ...now, waits: now.waits - 1, bad: 0, good: 0 };
      return;
    }
    if (isBetter(value, now.best)) now = { ...now, best: value, bad: 0, good: now.good + 1 };
    else now = { ...now, bad: now.bad + 1, good: 0 };
    if (now.good > patience) {
      const raised = Math.min(now.rate / factor, maxLr);
      const rate = raised - now.rate > LEAST_CHANGE ? raised : now.rate;
      now = { ...now, rate, good: 0, waits: warmup, atLeast: 0 };
    } else if (now.bad > patience) {
      const rate = lowered(now.rate, factor, minLr);
      const atLeast = rate > minLr ? now.atLeast : now.atLeast + 1;
      now =
        atLeast >= resetStart ? { ...begin, waits: cooldown, from: i + 1 } : { ...now, rate, bad: 0, waits: cooldown, atLeast };
    }
  });
  return now.rate;
}

function lowered(rate: number, factor: number, least: number): number {
  const next = Math.max(rate * factor, least);
  return rate - next > LEAST_CHANGE ? next : rate;
}

interface Comparison {
  greaterIsBetter: boolean;
  threshold: number;
  thresholdMode: FollowingOptions["thresholdMode"];
}

/** Whether a value exceeds the best so far (null: none); one that is no number never does. */
function comparison({ greaterIsBetter, threshold, thresholdMode }: Comparison): (value: number, best: number | null) => boolean {
  return (value, best) => {
    if (best === null) return !Number.isNaN(value);
    const margin = thresholdMode === "rel" ? best * threshold : threshold;
    return greaterIsBetter ? value > best + margin : value < best - margin;
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Without what is undefined, which would hide a default. */
const given = (following: Following): Following =>
  Object.fromEntries(Object.entries(following).filter(([, value]) => value !== undefined)) as unknown as Following;
