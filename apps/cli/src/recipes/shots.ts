// Few-shot prompts of a run: what solved examples are drawn from, and each row behind as many of them as leave its question whole.
import { drawShots, type Example, fittingShots, type Shot, type Tokenizer, withShots } from "@attune/models";
import { numpyRandom, versionSeed } from "@attune/tuning";
import type { Run } from "../run/schema.js";
import type { Versions } from "./versions.js";

/** Solved examples are drawn from this many rows of a task, so that drawing stays cheap. */
const POOL = 1000;

export interface ShotDrawer {
  /** Row number `index` in all of its versions; with data.augment.order their solved examples are others. */
  behind(unit: Versions, index: number): Versions;
  /** Those that stand in front of rows that are asked about later, with the task's template; undefined without data.fewShot. */
  kept(task: string | undefined): readonly Shot[] | undefined;
  /** How many prompts have fewer than were asked for. */
  notes(): string[];
}

/**
 * @param units training rows, of which those of a row's own task are drawn from
 * @param keyOf what makes two rows the same question: none is a solved example of its own
 */
export function shotDrawer(
  { data, train }: Run,
  tokenizer: Tokenizer,
  units: readonly Versions[],
  keyOf: (example: Example) => string,
): ShotDrawer {
  const { fewShot, augment, maxSource } = data;
  if (fewShot === null) return { behind: (unit) => unit, kept: () => undefined, notes: () => [] };
  const { count, separator } = fewShot;
  const pools = poolsOf(units, train.seed);
  const options = { count, label: fewShot.label ?? undefined, keyOf: remembered(keyOf) };
  const fits = (prompt: string) => tokenizer.encode(prompt).length <= maxSource;
  let prompts = 0;
  let shortened = 0;
  return {
    behind(unit, index) {
      const [own] = unit;
      const pool = pools.get(own.task) ?? [];
      prompts++;
      return unit.map((example, version) => {
        const seed = version > 0 && augment?.order ? versionSeed(train.seed, version, index) : train.seed;
        const left = fittingShots(example.prompt, drawShots(pool, own, index, { ...options, seed }), separator, fits);
        if (version === 0 && left.length < count) shortened++;
        return { ...example, prompt: withShots(example.prompt, left, separator) };
      }) as Versions;
    },
    kept: (task) => drawShots(pools.get(task) ?? [], undefined, -1, { ...options, seed: train.seed }),
    notes: () =>
      shortened > 0
        ? [
            `${shortened} of ${prompts} prompts have fewer than ${count} solved examples: more do not fit data.maxSource ${maxSource}`,
          ]
        : [],
  };
}

function poolsOf(units: readonly Versions[], seed: number): Map<string | undefined, Example[]> {
  const pools = new Map<string | undefined, Example[]>();
  for (const i of numpyRandom(seed).permutation(units.length)) {
    const [example] = units[i]!;
    const pool = pools.get(example.task) ?? [];
    if (pool.length < POOL) pool.push(example);
    pools.set(example.task, pool);
  }
  return pools;
}

/** Each row looks at the whole pool: an example's key is made once. */
function remembered(keyOf: (example: Example) => string): (example: Example) => string {
  const keys = new WeakMap<Example, string>();
  return (example) => {
    const key = keys.get(example) ?? keyOf(example);
    keys.set(example, key);
    return key;
  };
}
