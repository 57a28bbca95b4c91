// Beam search without a model. What transformers does in every mode stands in the records that attune verify compares; here, what must hold of any.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BeamSearch, goesOn } from "./beamSearch.js";
import { bestCandidates, bestOf, drawCandidates } from "./candidates.js";

const VOCAB = 3;
const END = 0;

/** Log-probabilities of what follows a sequence: any numbers, fixed by the sequence. */
function model(seed: number) {
  return (ids: readonly number[]): Float32Array => {
    let hash = seed;
    for (const id of ids) hash = (Math.imul(hash ^ (id + 1), 16777619) >>> 0) % 1000003;
    const raw = Array.from({ length: VOCAB }, (_, id) => Math.sin(hash * (id + 1)));
    const total = raw.reduce((sum, v) => sum + Math.exp(v), 0);
    return Float32Array.from(raw, (v) => v - Math.log(total));
  };
}

function search(seed: number, beams: number, maxLength: number, earlyStopping: boolean | "never", lengthPenalty = 1) {
  const next = model(seed);
  const one = new BeamSearch([7], { beams, lengthPenalty, earlyStopping, promptLength: 1, maxLength });
  const count = 2 * beams;
  do {
    const best = one.running.map(({ ids }) => bestOf(next(ids), count));
    one.advance(bestCandidates(one.running, best, count), (ids) => ids.at(-1) === END || ids.length >= maxLength);
  } while (goesOn([one]));
  return one;
}

/** Every sequence that can be, with its score. */
function all(seed: number, maxLength: number, lengthPenalty: number): { ids: number[]; score: number }[] {
  const next = model(seed);
  const grow = (ids: number[], sum: number): { ids: number[]; score: number }[] => {
    if (ids.length > 1 && (ids.at(-1) === END || ids.length >= maxLength))
      return [{ ids, score: sum / (ids.length - 1) ** lengthPenalty }];
    return [...next(ids)].flatMap((score, id) => grow([...ids, id], sum + score));
  };
  return grow([7], 0).sort((a, b) => b.score - a.score);
}

describe("beam search", () => {
  it("with beams for everything finds the best of all sequences", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.constantFrom(0, 0.6, 1, 2), (seed, lengthPenalty) => {
        const exhaustive = all(seed, 5, lengthPenalty);
        fc.pre(exhaustive[0]!.score - exhaustive[1]!.score > 1e-5);
        const { finished } = search(seed, 60, 5, "never", lengthPenalty);
        expect(finished[0]!.ids).toEqual(exhaustive[0]!.ids);
        expect(finished[0]!.score).toBeCloseTo(exhaustive[0]!.score, 5);
      }),
      { numRuns: 40 },
    );
  });

  it("gives finished sequences, best first, each with the log-probabilities of its tokens", () => {
    for (const early of [true, false, "never"] as const) {
      const { finished } = search(11, 3, 7, early);
      expect(finished.every(({ isFinished }) => isFinished)).toBe(true);
      expect(finished.map(({ score }) => score)).toEqual(finished.map(({ score }) => score).sort((a, b) => b - a));
      for (const { ids, tokenScores, score } of finished) {
        expect(ids.at(-1) === END || ids.length === 7).toBe(true);
        expect(tokenScores.reduce((sum, v) => sum + v, 0) / (ids.length - 1)).toBeCloseTo(score, 5);
      }
    }
  });

  it("one beam is greedy search", () => {
    const next = model(5);
    const ids = [7];
    while (ids.length < 6 && (ids.length === 1 || ids.at(-1) !== END)) ids.push(bestOf(next(ids), 1).ids[0]!);
    expect(search(5, 1, 6, true).finished[0]!.ids).toEqual(ids);
  });
});

describe("candidates", () => {
  const beam = (score: number) => ({ ids: [7], tokenScores: [], score });

  it("the best of all beams; the lowest beam and id first where they tie", () => {
    const best = [bestOf(Float32Array.of(-1, -1, -3), 2), bestOf(Float32Array.of(-2, 0, -1), 2)];
    expect(bestCandidates([beam(0), beam(-1)], best, 3).map(({ beam, id, sum }) => [beam, id, sum])).toEqual([
      [0, 0, -1],
      [0, 1, -1],
      [1, 1, -1],
    ]);
  });

  it("draws no token twice, in proportion to what is left; then the best of the rest", () => {
    const scores = [
      Float32Array.of(Math.log(0.5), Math.log(0.3), Math.log(0.2)),
      Float32Array.of(-Infinity, -Infinity, -Infinity),
    ];
    const counts = new Map<string, number>();
    const rounds = 4000;
    for (let round = 0; round < rounds; round++) {
      const u = (draw: number) => (((round * 0.618034 + draw * 0.414214 * (round + 1)) % 1) + 1) % 1;
      const key = drawCandidates([beam(0), beam(0)], scores, 2, u)!
        .map(({ id }) => id)
        .join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    for (const [pair, p] of Object.entries({ "0,1": 0.5 * 0.6, "1,0": (0.3 * 0.5) / 0.7, "2,1": (0.2 * 0.3) / 0.8 }))
      expect(counts.get(pair)! / rounds).toBeCloseTo(p, 1);
    const most = drawCandidates([beam(0), beam(-1e9)], [Float32Array.of(0, -Infinity), Float32Array.of(-1, -2)], 3, () => 0.5)!;
    expect(most.map(({ beam, id }) => [beam, id])).toEqual([
      [0, 0],
      [1, 0],
      [1, 1],
    ]);
    expect(drawCandidates([beam(0)], [Float32Array.of(-Infinity)], 1, () => 0.5)).toBeNull();
  });
});
