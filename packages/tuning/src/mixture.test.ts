import type { Example } from "@attune/models";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { interleave, type MixtureStop, mixtureProbabilities } from "./mixture.js";
import { numpyRandom } from "./numpyRandom.js";
import { questionKey } from "./questions.js";
import { countOverlap, splitExamples, splitSets } from "./splits.js";

// Golden values: numpy 2.4.6, and the loop of datasets 4's _interleave_map_style_datasets run on it.
describe("numpyRandom", () => {
  it("is numpy.random.default_rng", () => {
    expect([...numpyRandom(42).permutation(10)]).toEqual([5, 6, 0, 7, 3, 2, 4, 9, 1, 8]);
    expect([...numpyRandom(7).permutation(10)]).toEqual([8, 0, 7, 1, 3, 6, 2, 4, 5, 9]);
    expect([...numpyRandom(3).permutation(1000)].slice(0, 5)).toEqual([334, 618, 590, 388, 679]);
    const random = numpyRandom(42);
    expect([random.random(), random.random(), random.random()]).toEqual([
      0.7739560485559633, 0.4388784397520523, 0.8585979199113825,
    ]);
    expect(() => numpyRandom(-1)).toThrow(/whole number/);
  });
});

describe("interleave", () => {
  const pairs = (...options: Parameters<typeof interleave>) => interleave(...options).map(({ set, row }) => [set, row]);
  it("draws as datasets does", () => {
    const probabilities = [0.4, 0.3, 0.3];
    expect(pairs([4, 2, 3], { probabilities, seed: 42 })).toEqual([
      [2, 0],
      [1, 0],
      [2, 1],
      [1, 1],
    ]);
    const all = [
      [2, 0],
      [1, 0],
      [2, 1],
      [1, 1],
      [0, 0],
      [2, 2],
      [2, 0],
      [2, 1],
      [0, 1],
      [1, 0],
      [0, 2],
      [2, 2],
      [1, 1],
      [2, 0],
      [1, 0],
      [0, 3],
    ];
    expect(pairs([4, 2, 3], { probabilities, seed: 42, stop: "all_exhausted" })).toEqual(all);
    const long = pairs([5000, 2000], { probabilities: [0.7, 0.3], seed: 7 });
    expect([long.length, long.slice(-3), long.filter(([set]) => set === 1).length]).toEqual([
      6672,
      [
        [1, 1998],
        [0, 4671],
        [1, 1999],
      ],
      2000,
    ]);
  });
  // golden values of datasets 4 (guide/semantics 8): sets of 3, 4 and 5 rows whose values are 0.., 10.. and 20..
  const DRAWN = [0.7, 0.2, 0.1];
  it.each<[MixtureStop, number[] | undefined, number[]]>([
    ["first_exhausted", DRAWN, [10, 0, 11, 1, 2]],
    ["all_exhausted_without_replacement", DRAWN, [10, 0, 11, 1, 2, 20, 12, 13, 21, 22, 23, 24]],
    ["first_exhausted", undefined, [0, 10, 20, 1, 11, 21, 2, 12, 22]],
    ["all_exhausted", undefined, [0, 10, 20, 1, 11, 21, 2, 12, 22, 0, 13, 23, 1, 10, 24]],
    ["all_exhausted_without_replacement", undefined, [0, 10, 20, 1, 11, 21, 2, 12, 22, 13, 23, 24]],
  ])("is datasets': %s with probabilities %j", (stop, probabilities, expected) => {
    const rows = interleave([3, 4, 5], { probabilities, seed: 42, stop });
    expect(rows.map(({ set, row }) => 10 * set + row)).toEqual(expected);
  });
  it("takes turns without probabilities", () => {
    expect(pairs([2, 3])).toEqual([
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ]);
    expect(pairs([2, 3], { stop: "all_exhausted" })).toEqual([
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
      [0, 0],
      [1, 2],
    ]);
  });
  it("refuses what never ends", () => {
    expect(() => interleave([1, 1], { probabilities: [1, 0], stop: "all_exhausted" })).toThrow(/never used up/);
    expect(() => interleave([1, 0])).toThrow(/set 2 of the mixture has no rows/);
  });
});

it("mixtureProbabilities: proportional, capped, tempered, fixed", () => {
  expect(mixtureProbabilities([100, 300], { kind: "proportional" })).toEqual([0.25, 0.75]);
  expect(mixtureProbabilities([100, 300], { kind: "proportional", cap: 100 })).toEqual([0.5, 0.5]);
  expect(mixtureProbabilities([100, 400], { kind: "temperature", temperature: 2 })).toEqual([10 / 30, 20 / 30]);
  expect(mixtureProbabilities([1, 1, 1], { kind: "fixed", weights: [4, 3, 3] })).toEqual([0.4, 0.3, 0.3]);
  expect(() => mixtureProbabilities([1], { kind: "fixed", weights: [0] })).toThrow(/all 0/);
  expect(() => mixtureProbabilities([1, 1], { kind: "fixed", weights: [1] })).toThrow(/2 sets has 1 weights/);
  expect(() => mixtureProbabilities([1], { kind: "fixed", weights: [Number.NaN] })).toThrow(/weight 1 .* is NaN/);
});

describe("splitExamples", () => {
  const example = (prompt: string, label = "a"): Example => ({ id: prompt, prompt, completion: "", fields: { label } });
  it("is datasets.train_test_split where nothing repeats", () => {
    const split = splitExamples(
      Array.from({ length: 10 }, (_, i) => example(`p${i}`)),
      { validation: 0.2, seed: 42 },
    );
    expect(split).toEqual({ validation: [5, 6], train: [0, 7, 3, 2, 4, 9, 1, 8], duplicates: 0, shared: 0, units: 10 });
  });
  it("44: loses nothing, keeps equal prompts on one side, and each label's share", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(40), fc.boolean()), { minLength: 30 }),
        fc.double({ min: 0.05, max: 0.5, noNaN: true }),
        fc.nat(1000),
        (rows, share, seed) => {
          // a prompt's blanks and case do not make it another one
          const examples = rows.map(([n, isOdd], i) => example(isOdd ? ` P ${n}` : `p ${n}  `, n % 3 ? "x" : i % 2 ? "y" : "y"));
          const units = new Set(rows.map(([n]) => n));
          fc.pre(Math.ceil(units.size * share) < units.size);
          const { train, validation, duplicates } = splitExamples(examples, { validation: share, seed, stratify: "label" });
          expect([...train, ...validation].sort((a, b) => a - b)).toEqual(examples.map((_, i) => i));
          expect(duplicates).toBe(examples.length - units.size);
          const of = (indices: number[]) => indices.map((i) => examples[i]!);
          expect(countOverlap(of(train), of(validation))).toBe(0);
          const classOf = (isX: boolean, ns: Iterable<number>) => [...ns].filter((n) => (n % 3 !== 0) === isX).length;
          const held = new Set(validation.map((i) => rows[i]![0]));
          for (const isX of [true, false])
            expect(Math.abs(classOf(isX, held) - classOf(isX, units) * share)).toBeLessThanOrEqual(1);
        },
      ),
    ));
  it("44: knows a question behind other phrasings, and in another set of a mixture", () =>
    fc.assert(
      fc.property(
        fc.array(fc.nat(60), { minLength: 20, maxLength: 80 }),
        fc.array(fc.nat(60), { minLength: 20, maxLength: 80 }),
        fc.double({ min: 0.05, max: 0.4, noNaN: true }),
        fc.nat(100),
        fc.boolean(),
        (first, second, share, seed, isStratified) => {
          const phrased = (n: number, i: number): Example => ({
            ...example(i % 3 ? `Say more of ${n}.` : `Of ${n}: what is there to say?`),
            fields: { topic: ` Topic ${n}`, label: n % 2 ? "odd" : "even" },
          });
          const sets = [first.map(phrased), second.map(phrased)];
          const keyOf = (one: Example) => questionKey(one, ["topic"]);
          const count = (rows: number[]) => new Set(rows).size;
          const stratify = isStratified ? "label" : undefined;
          fc.pre(sets.every((_, i) => Math.ceil(count([first, second][i]!) * share) + 2 < count([first, second][i]!) / 2));
          let splits: ReturnType<typeof splitSets>;
          try {
            splits = splitSets(sets, { validation: share, seed, stratify, keyOf });
          } catch (error) {
            expect((error as Error).message).toMatch(/leaves none to train on/); // all that the sets share may be held
            return;
          }
          const side = (which: "train" | "validation") => splits.flatMap((one, k) => one[which].map((i) => sets[k]![i]!));
          expect(countOverlap(side("train"), side("validation"), keyOf)).toBe(0);
          expect(side("train").length + side("validation").length).toBe(first.length + second.length);
          expect(splits.map(({ duplicates }) => duplicates)).toEqual([
            first.length - count(first),
            second.length - count(second),
          ]);
          expect(splits.map(({ shared }) => shared)).toEqual([0, second.filter((n) => first.includes(n)).length]);
          // the first set is split as if it were alone, and of the second no less than its share is held
          expect(splits[0]).toEqual(splitExamples(sets[0]!, { validation: share, seed, stratify, keyOf }));
          const held = count(splits[1]!.validation.map((i) => second[i]!));
          const free = second.filter((n) => !first.includes(n));
          if (!isStratified) expect(held).toBeGreaterThanOrEqual(Math.min(Math.ceil(count(second) * share), count(free)));
        },
      ),
    ));
  it("keeps groups on one side, joined over several steps", () => {
    // 0 and 1 ask the same, 1 and 2 are of one conversation, 3 asks what 2 asks
    const rows = [..."aabbcdefgh"].map((key, i) => ({ ...example(key), id: `r${i}` }));
    const groupOf = ({ id }: Example) => (id === "r1" || id === "r2" ? "talk" : undefined);
    for (let seed = 0; seed < 20; seed++) {
      const { train, validation, duplicates, units } = splitExamples(rows, { validation: 0.3, seed, groupOf });
      expect([duplicates, units, train.length + validation.length]).toEqual([2, 7, 10]);
      expect([0, 4]).toContain([0, 1, 2, 3].filter((i) => validation.includes(i)).length);
    }
  });
  it("refuses a share that leaves nothing, and a label that is not there", () => {
    expect(() => splitExamples([example("a"), example("A")], { validation: 0.5, seed: 1 })).toThrow(
      /1 different examples cannot be split/,
    );
    expect(() =>
      splitExamples([example("a"), example("b"), example("c")], { validation: 0.3, seed: 1, stratify: "topic" }),
    ).toThrow(/stratified by "topic": \w has no such/);
    expect(() => splitExamples([], { validation: 1, seed: 1 })).toThrow(/share above 0 and below 1/);
  });
});
