// Several sets as one: how much of each, and in which order. Indices only, so a mixture of millions of rows is cheap.

import { usageError } from "@attune/models";
import { numpyRandom } from "./numpyRandom.js";

export interface MixtureWeights {
  /**
   * "proportional": by size, with sizes above `cap` counted as `cap` (T5's examples-proportional mixing, Raffel et al. 2020, 3.5.2).
   * "temperature": those raised to 1 / temperature. "fixed": by the weights given.
   */
  kind: "proportional" | "temperature" | "fixed";
  cap?: number;
  temperature?: number;
  weights?: readonly number[];
}

/** The share of each set, summing to 1. Throws (usage) for weights that are none. */
export function mixtureProbabilities(
  sizes: readonly number[],
  { kind, cap = Infinity, temperature = 1, weights }: MixtureWeights,
): number[] {
  if (!(temperature > 0)) throw usageError(`a mixture's temperature is ${temperature}; expected a number above 0`);
  if (!(cap > 0)) throw usageError(`a mixture's cap is ${cap}; expected a number above 0`);
  const capped = sizes.map((size) => Math.min(size, cap));
  const raw = kind === "fixed" ? (weights ?? []) : capped.map((size) => size ** (kind === "temperature" ? 1 / temperature : 1));
  if (raw.length !== sizes.length)
    throw usageError(`a mixture of ${sizes.length} sets has ${raw.length} weights; expected one each`);
  const bad = raw.findIndex((weight) => !(weight >= 0 && Number.isFinite(weight)));
  if (bad >= 0) throw usageError(`weight ${bad + 1} of the mixture is ${raw[bad]}; expected a number not below 0`);
  const total = raw.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0)) throw usageError("the weights of the mixture are all 0");
  return raw.map((weight) => weight / total);
}

export interface InterleaveOptions {
  /** Without them the sets take turns. */
  probabilities?: readonly number[];
  seed?: number;
  /** When an epoch ends. Default "first_exhausted". */
  stop?: MixtureStop;
}

/**
 * "first_exhausted": as soon as one set is used up. "all_exhausted": once each was; those that are used up before begin anew.
 * "all_exhausted_without_replacement": once each was; those that are used up before stay out, so that every row is there once.
 */
export const MIXTURE_STOPS = ["first_exhausted", "all_exhausted", "all_exhausted_without_replacement"] as const;
export type MixtureStop = (typeof MIXTURE_STOPS)[number];

/** A row of a mixture: which set, and which of its rows. */
export interface MixedRow {
  set: number;
  row: number;
}

/** The rows of one epoch, exactly as datasets.interleave_datasets(sets, probabilities, seed, stopping_strategy) orders them. */
export function interleave(
  sizes: readonly number[],
  { probabilities, seed = 42, stop = "first_exhausted" }: InterleaveOptions = {},
): MixedRow[] {
  const empty = sizes.indexOf(0);
  if (sizes.length === 0 || empty >= 0) throw usageError(`set ${empty + 1} of the mixture has no rows`);
  if (probabilities === undefined) {
    const turns = stop === "first_exhausted" ? Math.min(...sizes) : Math.max(...sizes);
    const isOnce = stop === "all_exhausted_without_replacement";
    return Array.from({ length: turns }, (_, turn) =>
      sizes.flatMap((size, set) => (isOnce && turn >= size ? [] : [{ set, row: turn % size }])),
    ).flat();
  }
  if (stop !== "first_exhausted" && probabilities.some((p) => p === 0))
    throw usageError("a set of weight 0 is never used up: leave it out, or end epochs with first_exhausted");
  const random = numpyRandom(seed);
  const next = sizes.map(() => 0);
  const isExhausted = sizes.map(() => false);
  const isOver = () => (stop === "first_exhausted" ? isExhausted.some(Boolean) : isExhausted.every(Boolean));
  const rows: MixedRow[] = [];
  while (!isOver()) {
    const set = random.choice(probabilities);
    if (stop === "all_exhausted_without_replacement" && isExhausted[set]) continue;
    rows.push({ set, row: next[set]! });
    next[set]!++;
    if (next[set]! < sizes[set]!) continue;
    isExhausted[set] = true;
    next[set] = 0;
  }
  return rows;
}
