// Classes of unequal size, made equal by which rows an epoch has. The expected gradient of "oversample" is that of a loss in which each row
// weighs 1 / (rows of its class); repeated rows instead of weights keep the loss a plain mean over tokens.

import { numpyRandom } from "./numpyRandom.js";

export interface BalanceOptions {
  /**
   * "oversample": rows of smaller classes stand several times in an epoch, each as often as any other but once, until their class has as
   * many as the largest. "undersample": of larger classes only as many rows as the smallest has are used, drawn once.
   */
  how: "oversample" | "undersample";
  seed: number;
}

export interface Balanced {
  /** Indices of the rows of an epoch, ascending; repeats stand together (training shuffles). */
  rows: number[];
  /** By class, in the order of first sight: rows before and after. */
  classes: { name: string; before: number; after: number }[];
}

/** @param classes of each row, e.g. its label or its task */
export function balanceRows(classes: readonly string[], { how, seed }: BalanceOptions): Balanced {
  const members = new Map<string, number[]>();
  for (const [row, name] of classes.entries()) {
    const group = members.get(name);
    if (group) group.push(row);
    else members.set(name, [row]);
  }
  const sizes = [...members.values()].map(({ length }) => length);
  const wanted = sizes.reduce((a, b) => (how === "oversample" ? Math.max(a, b) : Math.min(a, b)), sizes[0] ?? 0);
  const random = numpyRandom(seed);
  const rows: number[] = [];
  for (const group of members.values()) {
    const order = random.permutation(group.length); // which rows get the one more, or stay
    for (let i = 0; i < wanted; i++) rows.push(group[order[i % group.length]!]!);
  }
  return {
    rows: rows.sort((a, b) => a - b),
    classes: [...members].map(([name, group]) => ({ name, before: group.length, after: wanted })),
  };
}
