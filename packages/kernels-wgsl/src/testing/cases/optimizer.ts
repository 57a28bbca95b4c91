// The optimizers, from the sum of squares to the weights: what a step decided is a struct of counters and numbers (lib/update.wgsl).
import { planAdamW, planDecide, UPDATE_WORDS } from "../../optimizer/plan.js";
import { planSumSquares, sumSquaresBlocks } from "../../reduce/plan.js";
import type { KernelCase, KernelInput } from "../kernelCase.js";
import type { Values } from "../references.js";
import { flat } from "./common.js";

const ADAM = { decay: 0.1, beta1: 0.9, beta2: 0.99, eps: 0.1 } as const;
const FLOATS = ["norm", "factor", "rate", "first", "second"] as const;
const bits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0]!;
const number = (word: number): number => new Float32Array(Uint32Array.of(word).buffer)[0]!;

/** struct Update [1]; fields that are not given are zero. */
export function update(fields: Partial<Record<keyof typeof UPDATE_WORDS, number>>): KernelInput {
  const words = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      const isFloat = (FLOATS as readonly string[]).includes(name);
      return [UPDATE_WORDS[name as keyof typeof UPDATE_WORDS], isFloat ? bits(value) : value];
    }),
  );
  return { shape: [Object.keys(UPDATE_WORDS).length], dtype: "u32", draw: (_, i) => words[i] ?? 0 };
}
const field = (step: Values, name: keyof typeof UPDATE_WORDS): number => {
  const word = step.data[UPDATE_WORDS[name]]!;
  return (FLOATS as readonly string[]).includes(name) ? number(word) : word;
};

export const optimizerCases: readonly KernelCase[] = [
  {
    name: "reduce/sum_squares",
    dims: { quads: [1, 9000], first: [0, 3], broken: [0, 1] },
    edges: [
      { quads: 8200, first: 2, broken: 1, why: "three blocks, written behind others; one with an infinity" },
      { quads: 3, first: 0, broken: 0, why: "fewer quads than lanes" },
    ],
    plan: ({ quads, first }, facts) => planSumSquares({ count: 4 * quads!, first: first! }, facts),
    inputs: ({ quads, first, broken }) => ({
      x: {
        shape: [4 * quads!],
        draw: (random, i) => (broken && i === 2 * quads! ? Number.POSITIVE_INFINITY : 2 * random() - 1),
      },
      partial: { shape: [first! + sumSquaresBlocks(4 * quads!), 2] },
    }),
    reference: ({ x, partial }, { first }) => {
      const size = 4 * 4096;
      return {
        partial: flat(partial!.shape, (i) => {
          const block = Math.floor(i / 2) - first!;
          if (block < 0) return partial!.data[i]!;
          const part = x!.data.subarray(block * size, (block + 1) * size);
          if (i % 2 === 1) return part.every(Number.isFinite) ? 0 : 1;
          return part.reduce((sum, v) => sum + v * v, 0);
        }),
      };
    },
    checksExtremes: true,
  },
  {
    name: "optimizer/decide",
    dims: {
      parts: [1, 40],
      rows: [1, 6],
      broken: [0, 1],
      clips: [0, 1],
      skips: [0, 2],
      skipped: [0, 1],
      interval: [0, 3],
      good: [0, 9],
      grown: [0, 1],
    },
    edges: [
      {
        parts: 27,
        rows: 3,
        broken: 0,
        clips: 1,
        skips: 1,
        interval: 2,
        good: 4,
        grown: 1,
        skipped: 2,
        why: "clipped; the loss scale doubles",
      },
      {
        parts: 11,
        rows: 3,
        broken: 1,
        clips: 0,
        skips: 1,
        interval: 2,
        good: 5,
        grown: 1,
        skipped: 0,
        why: "refused; the loss scale halves",
      },
      {
        parts: 3,
        rows: 2,
        broken: 1,
        clips: 1,
        skips: 0,
        interval: 0,
        good: 3,
        grown: 0,
        skipped: 2,
        why: "not finite, and done all the same",
      },
      {
        parts: 5,
        rows: 5,
        broken: 0,
        clips: 0,
        skips: 1,
        interval: 3,
        good: 7,
        grown: 0,
        skipped: 1,
        why: "one more good update in a row",
      },
      {
        parts: 4,
        rows: 2,
        broken: 0,
        clips: 1,
        skips: 2,
        interval: 0,
        good: 3,
        grown: 0,
        skipped: 1,
        why: "halted: one before it was refused",
      },
      {
        parts: 4,
        rows: 2,
        broken: 0,
        clips: 0,
        skips: 2,
        interval: 0,
        good: 3,
        grown: 0,
        skipped: 0,
        why: "none was, so it is done",
      },
    ],
    plan: ({ parts, rows, clips, skips, interval }, facts) =>
      planDecide(
        { parts: parts!, rows: rows!, clip: 0.5 * clips!, skips: skips === 2 ? "halt" : skips === 1, interval: interval! },
        facts,
      ),
    inputs: ({ parts, rows, broken, interval, good, grown, skipped }) => ({
      // the last part is the broken one: lane 0 does not see it
      partial: { shape: [parts!, 2], draw: (random, i) => (i % 2 === 0 ? random() : broken && i === 2 * parts! - 1 ? 1 : 0) },
      numbers: { shape: [rows!, 4] },
      scale: { shape: [1], draw: () => (interval ? 64 : 1) },
      step: update({ good: good!, grown: Math.min(grown!, Math.max(0, interval! - 1)), skipped: skipped! }),
    }),
    reference: ({ partial, numbers, scale, step }, { rows, broken, clips, skips, interval }) => {
      const total = partial!.data.reduce((sum, v, i) => sum + (i % 2 === 0 ? v : 0), 0);
      const loss = scale!.data[0]!;
      const norm = Math.sqrt(total) / loss;
      const isGood = !(broken && skips) && !(skips === 2 && field(step!, "skipped") > 0);
      const [good, grown] = [field(step!, "good"), field(step!, "grown")];
      const doubles = isGood && grown + 1 === interval;
      const row = numbers!.data.subarray(4 * (good % rows!));
      const after: Record<keyof typeof UPDATE_WORDS, number> = {
        good: good + (isGood ? 1 : 0),
        grown: interval ? (isGood && !doubles ? grown + 1 : 0) : grown,
        skipped: field(step!, "skipped") + (isGood ? 0 : 1),
        isGood: isGood ? 1 : 0,
        norm,
        factor: (clips ? Math.min(1, 0.5 / (norm + 1e-6)) : 1) / loss,
        rate: row[0]!,
        first: row[1]!,
        second: row[2]!,
      };
      const data = new Float64Array(Object.keys(UPDATE_WORDS).length);
      for (const [name, at] of Object.entries(UPDATE_WORDS)) data[at] = after[name as keyof typeof UPDATE_WORDS];
      return {
        scale: flat([1], () => (interval ? (doubles ? 2 * loss : isGood ? loss : loss / 2) : loss)),
        step: { shape: step!.shape, data, dtype: "u32", floatsAt: FLOATS.map((name) => UPDATE_WORDS[name]) },
      };
    },
  },
  {
    name: "optimizer/adamw",
    dims: { quads: [1, 150], decayed: [0, 150], good: [0, 1] },
    edges: [
      { quads: 150, decayed: 70, good: 1, why: "three workgroups; a part decays" },
      { quads: 2, decayed: 2, good: 0, why: "a refused update changes nothing" },
    ],
    plan: ({ quads, decayed }, facts) =>
      planAdamW({ count: 4 * quads!, decayed: 4 * Math.min(quads!, decayed!), ...ADAM }, facts),
    inputs: ({ quads, good }) => {
      const shape = [4 * quads!];
      const step = update({ isGood: good!, factor: 0.25, rate: 0.01, first: 0.5, second: 0.25 });
      return { p: { shape }, g: { shape }, m: { shape }, v: { shape, draw: (random) => random() }, step };
    },
    reference: ({ p, g, m, v, step }, { decayed, good }) => {
      if (!good) return { p: p!, m: m!, v: v! };
      const [factor, lr] = [field(step!, "factor"), field(step!, "rate")];
      const grad = (i: number): number => g!.data[i]! * factor;
      const first = flat(p!.shape, (i) => ADAM.beta1 * m!.data[i]! + (1 - ADAM.beta1) * grad(i));
      const second = flat(p!.shape, (i) => ADAM.beta2 * v!.data[i]! + (1 - ADAM.beta2) * grad(i) ** 2);
      const move = (i: number): number =>
        first.data[i]! / field(step!, "first") / (Math.sqrt(second.data[i]!) / Math.sqrt(field(step!, "second")) + ADAM.eps);
      const decay = (i: number): number => (i < 4 * decayed! ? ADAM.decay : 0);
      return { m: first, v: second, p: flat(p!.shape, (i) => p!.data[i]! * (1 - lr * decay(i)) - lr * move(i)) };
    },
  },
];
