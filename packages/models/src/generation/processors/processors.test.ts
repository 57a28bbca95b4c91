// Processors by themselves: figures measured with transformers 5.18, and the plainest ways to compute the same.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { GenerationConfig } from "../../generationConfig.js";
import { processorsFor } from "./list.js";
import type { Processor, RowContext } from "./processor.js";
import { kthLargest, topP } from "./warpers.js";

const context = (ids: readonly number[], more: Partial<RowContext> = {}): RowContext => ({
  ...{ ids, source: 0, promptLength: 1, maxLength: 10, encoderIds: [] },
  ...more,
});
const run = (
  scores: readonly number[],
  config: GenerationConfig,
  ids: readonly number[] = [0],
  more: Partial<RowContext> = {},
) => {
  const row = Float32Array.from(scores);
  for (const process of processorsFor({ config, eos: config.eosTokenIds ?? [1], own: [] })) process(row, context(ids, more));
  return [...row];
};
const kept = (scores: readonly number[]): number[] => scores.flatMap((score, id) => (score === -Infinity ? [] : [id]));
const sampled = (config: GenerationConfig): GenerationConfig => ({ doSample: true, topK: 0, ...config });
const X = [2, 1, 0.5, -1, -2];

describe("warpers", () => {
  it("keep what transformers keeps", () => {
    expect(kept(run([1, 1, 1, 0], sampled({ topK: 2 })))).toEqual([0, 1, 2]); // ties with the last stay
    expect(kept(run(X, sampled({ topP: 0.7 })))).toEqual([0, 1]);
    expect(kept(run(X, sampled({ minP: 0.2 })))).toEqual([0, 1, 2]);
    expect(kept(run(X, sampled({ typicalP: 0.5 })))).toHaveLength(2);
    expect(run(X, sampled({ temperature: 0.5 }))).toEqual([4, 2, 1, -2, -4]);
  });

  it("sample from the best 50 unless told otherwise, and only when sampling", () => {
    const many = Array.from({ length: 80 }, (_, i) => -i / 10);
    expect(kept(run(many, { doSample: true }))).toHaveLength(50);
    expect(kept(run(many, { topP: 0.1, topK: 3 }))).toHaveLength(80);
  });

  it("leave a beam a way to go on beside every end", () => {
    const config = sampled({ topK: 1, numBeams: 2, eosTokenIds: [1, 2] });
    expect(kept(run(X, config))).toEqual([0, 1, 2]);
    expect(kept(run(X, sampled({ epsilonCutoff: 0.9, numBeams: 2 })))).toEqual([0, 1]);
    expect(kept(run(X, sampled({ etaCutoff: 0.9, numBeams: 2 })))).toEqual(expect.arrayContaining([0, 1]));
  });

  const values = fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 1, maxLength: 60 }); // ties are common
  it("the k-th largest is that of a sort", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 70 }), (numbers, k) => {
        const sorted = [...numbers].sort((a, b) => b - a);
        expect(kthLargest(Float32Array.from(numbers), k)).toBe(sorted[Math.min(k, sorted.length) - 1]);
      }),
    );
  });

  it("top-p is transformers' ascending sums", () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0.05, max: 0.95, noNaN: true }), (numbers, p) => {
        const order = [...numbers.keys()].sort((a, b) => numbers[a]! - numbers[b]! || a - b);
        const total = numbers.reduce((sum, v) => sum + Math.exp(v), 0);
        let sum = 0;
        const expected = order.filter((id, place) => {
          sum += Math.exp(numbers[id]!) / total;
          fc.pre(Math.abs(sum - (1 - p)) > 1e-9); // nothing that rounding decides
          return sum > 1 - p || place === order.length - 1;
        });
        const row = Float32Array.from(numbers);
        topP(p, 1)(row, context([]));
        expect(kept([...row])).toEqual(expected.sort((a, b) => a - b));
      }),
    );
  });
});

describe("penalties and bans", () => {
  it("repetition: every id once, negative scores times, others by the penalty", () => {
    expect(run(X, { repetitionPenalty: 2 }, [0, 3, 3, 0])).toEqual([1, 1, 0.5, -2, -2]);
    expect(run(X, { encoderRepetitionPenalty: 2 }, [9], { encoderIds: [0, 3] })).toEqual([4, 1, 0.5, -0.5, -2]);
  });

  it("n-grams: what would complete one that was there", () => {
    expect(kept(run(X, { noRepeatNgramSize: 2 }, [2, 3, 4, 2]))).toEqual([0, 1, 2, 4]);
    expect(kept(run(X, { noRepeatNgramSize: 1 }, [2, 3]))).toEqual([0, 1, 4]);
    expect(kept(run(X, { noRepeatNgramSize: 3 }, [2, 3]))).toEqual([0, 1, 2, 3, 4]);
    expect(kept(run(X, { encoderNoRepeatNgramSize: 2 }, [0, 3], { encoderIds: [3, 4, 3, 0] }))).toEqual([1, 2, 3]);
  });

  it("bad words: never the end alone", () => {
    expect(kept(run(X, { badWordsIds: [[1], [2], [3, 4]] }, [0, 3]))).toEqual([0, 1, 3]);
    expect(kept(run(X, { badWordsIds: [[3, 4]] }, [3, 0]))).toEqual([0, 1, 2, 3, 4]);
  });

  it("bias: added where the tokens before the last stand at the end", () => {
    expect(
      run(
        X,
        {
          sequenceBias: [
            [[0], 1],
            [[7, 0], 2],
            [[8, 0], 4],
          ],
        },
        [7],
      ),
    ).toEqual([5, 1, 0.5, -1, -2]);
  });

  it("lengths: the prompt counts in minLength, not in minNewTokens", () => {
    const of = (config: GenerationConfig, ids: number[]) => kept(run(X, config, ids, { promptLength: 2 })).includes(1);
    expect(
      [
        [5, 5],
        [5, 5, 5],
        [5, 5, 5, 5],
      ].map((ids) => of({ minLength: 3 }, ids)),
    ).toEqual([false, true, true]);
    expect(
      [
        [5, 5],
        [5, 5, 5],
        [5, 5, 5, 5],
      ].map((ids) => of({ minNewTokens: 2 }, ids)),
    ).toEqual([false, false, true]);
  });

  it("forced tokens: the first after a start token, the last before the end", () => {
    expect(run(X, { forcedBosTokenId: 3 }, [0])).toEqual([-Infinity, -Infinity, -Infinity, 0, -Infinity]);
    expect(run(X, { forcedBosTokenId: 3 }, [0, 0])).toEqual(X);
    expect(kept(run(X, { forcedEosTokenId: [1, 2] }, [0, 0, 0], { maxLength: 4 }))).toEqual([1, 2]);
    expect(run(X, { forcedEosTokenId: [1] }, [0, 0], { maxLength: 4 })).toEqual(X);
  });

  it("suppressed tokens, always or at the beginning", () => {
    expect(kept(run(X, { suppressTokens: [0, 9] }))).toEqual([1, 2, 3, 4]);
    expect(kept(run(X, { beginSuppressTokens: [0] }, [7]))).toEqual([1, 2, 3, 4]);
    expect(kept(run(X, { beginSuppressTokens: [0] }, [7, 7]))).toHaveLength(5);
    expect(kept(run(X, { beginSuppressTokens: [0], forcedBosTokenId: 2 }, [7, 7]))).toEqual([1, 2, 3, 4]); // one later
  });

  it("the end grows likelier after a length", () => {
    const config = { exponentialDecayLengthPenalty: [2, 1.5] as const, eosTokenIds: [3] };
    expect(run(X, config, [0, 0, 0])).toEqual(X);
    expect(run(X, config, [0, 0, 0, 0])[3]).toBeCloseTo(-1 + (1.5 - 1));
    expect(run(X, config, [0, 0, 0, 0, 0])[3]).toBeCloseTo(-1 + (1.5 ** 2 - 1));
  });

  it("what is not finite is replaced; what is left sums to one", () => {
    const [nan, most, least, zero] = run([Number.NaN, Infinity, -Infinity, 0], { removeInvalidValues: true });
    expect([nan, zero]).toEqual([0, 0]);
    expect([most, least]).toEqual([Math.fround(3.4028234663852886e38), -Math.fround(3.4028234663852886e38)]);
    const logs = run(X, { renormalizeLogits: true });
    expect(logs.reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 6);
  });
});

it("run in transformers' order, the caller's own between bans and warpers", () => {
  const order: string[] = [];
  const own: Processor = (scores) => {
    order.push(scores[0] === -Infinity ? "after suppress" : "before suppress", scores[1] === 1 ? "before temperature" : "after");
  };
  const config = { doSample: true, temperature: 0.5, suppressTokens: [0] };
  const row = Float32Array.from(X);
  for (const process of processorsFor({ config, eos: [], own: [own] })) process(row, context([0]));
  expect(order).toEqual(["after suppress", "before temperature"]);
  expect(row[1]).toBe(2);
  expect(processorsFor({ config: { minNewTokens: 3, repetitionPenalty: 1, topP: 0.1 }, eos: [], own: [] })).toEqual([]); // all off
});
